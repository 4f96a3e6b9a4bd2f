import type { Position } from "./problem.js";

export type ScalarValue = string | bigint | number | boolean | null;

/**
 * The configuration as a tree that remembers where each part was written. Trees are never edited: merge and expansion
 * build new ones and share what did not change.
 */
export type Node = ScalarNode | MapNode | ListNode;

interface NodeBase {
  readonly at: Position;
  /** Nodes in this subtree, shared ones counted each time: what a copy of it would cost. */
  readonly size: number;
  /** Set on what replaced a `${…}` reference. */
  readonly expanded?: Expansion;
}

/** Where an expanded value came from. */
export interface Expansion {
  /** The scalar as the operator wrote it, e.g. "${env:TOKEN}". */
  readonly written: string;
  /** The value as text, which string fields take; undefined where it has none of its own. */
  readonly text: string | undefined;
  /** The expansion failed and was reported: whatever is wrong with the value is a consequence. */
  readonly failed?: boolean;
}

/** Integers are bigint, floats are number. */
export interface ScalarNode extends NodeBase {
  readonly kind: "scalar";
  readonly value: ScalarValue;
}

export interface MapNode extends NodeBase {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
}

export interface Entry {
  readonly keyAt: Position;
  readonly value: Node;
}

export interface ListNode extends NodeBase {
  readonly kind: "list";
  readonly items: readonly Node[];
}

export function scalarNode(value: ScalarValue, at: Position, expanded?: Expansion): ScalarNode {
  return { kind: "scalar", value, at, size: 1, expanded };
}

export function mapNode(entries: ReadonlyMap<string, Entry>, at: Position, expanded?: Expansion): MapNode {
  let size = 1;
  for (const entry of entries.values()) size += entry.value.size;
  return { kind: "map", entries, at, size, expanded };
}

export function listNode(items: readonly Node[], at: Position, expanded?: Expansion): ListNode {
  let size = 1;
  for (const item of items) size += item.size;
  return { kind: "list", items, at, size, expanded };
}

export function isNull(node: Node | undefined): boolean {
  return node?.kind === "scalar" && node.value === null;
}

/** A type's name as error messages say it. */
export function typeName(node: Node): string {
  if (node.kind !== "scalar") return node.kind;
  const value = node.value;
  if (value === null) return "null";
  if (typeof value === "bigint") return "int";
  if (typeof value === "number") return "float64";
  return typeof value === "boolean" ? "bool" : "string";
}

/** The tree as plain values: integers stay bigint, "__proto__" is a key like any other. */
export function toPlain(node: Node): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toPlain);
  const out = {};
  for (const [key, entry] of node.entries) setOwn(out, key, toPlain(entry.value));
  return out;
}

/** Sets an own property, whatever its name. */
export function setOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

/** The node at `path`, or the deepest one on the way to it. */
export function deepestNode(root: Node, path: readonly PropertyKey[]): { node: Node; at: Position; depth: number } {
  let node = root;
  let at = root.at;
  let depth = 0;
  for (const part of path) {
    if (node.kind === "map") {
      const entry = node.entries.get(String(part));
      if (!entry) break;
      node = entry.value;
      // A null has no text of its own to point at: the key says where it is.
      at = isNull(node) ? entry.keyAt : node.at;
    } else if (node.kind === "list" && typeof part === "number" && part < node.items.length) {
      node = node.items[part];
      at = node.at;
    } else {
      break;
    }
    depth += 1;
  }
  return { node, at, depth };
}
