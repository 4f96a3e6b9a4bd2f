import type { z } from "zod";
import type { Scope } from "./diagnose.js";
import { type Entry, type ListNode, type MapNode, type Node, type ScalarNode, setOwn, toPlain } from "./node.js";
import type { PathPart, ProblemList } from "./problem.js";
import { type Leaf, type SchemaView, viewSchema } from "./schema-view.js";
import { advice, suggest } from "./suggest.js";

/**
 * Brings a tree into the form that a schema validates, by the Collector's rules and no others:
 * - a null where a struct belongs means its defaults; other nulls keep the default, and a null that a reference gave is
 *   the type's zero value;
 * - a value that came from a single `${…}` is its text where text is wanted, else its YAML value;
 * - integers become numbers where the schema wants numbers, and stay bigint where it takes anything;
 * - a comma-separated string fills a list of strings.
 * Nothing is coerced beyond that. Unknown keys are reported here, and left out (or read as what they were meant to be),
 * so that validation goes on to find what else is wrong.
 */
export function conform(schema: z.ZodType, node: Node, scope: Scope, problems: ProblemList): unknown {
  const value = new Conformer(scope, problems).conform(schema, node, []);
  return value === absent ? undefined : value;
}

const absent = Symbol("absent");

class Conformer {
  private readonly scope: Scope;
  private readonly problems: ProblemList;

  constructor(scope: Scope, problems: ProblemList) {
    this.scope = scope;
    this.problems = problems;
  }

  conform(schema: z.ZodType, node: Node, path: readonly PathPart[]): unknown {
    const view = viewSchema(schema);
    if (node.kind === "scalar") {
      if (view.duration) this.warnOfNanoseconds(node, path);
      return conformScalar(schema, view, node);
    }
    const wantsMap = view.leaves.some((leaf) => leaf.type === "object" || leaf.type === "record");
    const wantsList = view.leaves.some((leaf) => leaf.type === "array");
    if (node.kind === "map" && wantsMap) return this.conformMap(view, node, path);
    if (node.kind === "list" && wantsList) return this.conformList(view, node, path);
    const text = node.expanded?.text;
    return text !== undefined && wantsText(view) && !has(view, "unknown") ? text : toPlain(node);
  }

  /** A bare integer is nanoseconds, which hardly anyone means. */
  private warnOfNanoseconds(node: ScalarNode, path: readonly PathPart[]): void {
    const { value } = node;
    if (typeof value !== "bigint" || value === 0n || value >= 1_000_000n || value <= -1_000_000n) return;
    const key = path.at(-1);
    const message = `${this.scope.decoding}'${this.scope.name(path)}' is ${value} nanoseconds (for seconds write ${key}: ${value}s)`;
    this.problems.warn(node.at, [...this.scope.path, ...path], message);
  }

  private conformMap(view: SchemaView, node: MapNode, path: readonly PathPart[]): unknown {
    const leaf = chooseMapLeaf(view, node);
    const out = {};
    const meant = leaf.type === "object" && leaf.strict ? this.repairKeys(leaf.shape, node, path) : node.entries;
    for (const [key, entry] of meant) {
      const child = leaf.type === "record" ? leaf.value : Object.hasOwn(leaf.shape, key) ? leaf.shape[key] : undefined;
      const value = child ? this.conform(child, entry.value, [...path, key]) : toPlain(entry.value);
      if (value !== absent) setOwn(out, key, value);
      // A map of text keeps its key: null is the empty text there.
      else if (leaf.type === "record") setOwn(out, key, zeroValue(viewSchema(leaf.value)) ?? null);
    }
    return out;
  }

  /** Reports unknown keys; one that is a slip of the pen for a key that is not set is read as that key. */
  private repairKeys(
    shape: Readonly<Record<string, z.ZodType>>,
    node: MapNode,
    path: readonly PathPart[],
  ): ReadonlyMap<string, Entry> {
    const known = Object.keys(shape);
    const out = new Map<string, Entry>();
    for (const [key, entry] of node.entries) {
      if (Object.hasOwn(shape, key)) {
        out.set(key, entry);
        continue;
      }
      const message = `${this.scope.decoding}'${this.scope.name(path)}' has invalid keys: ${key}${advice(key, known)}`;
      this.problems.error(entry.keyAt, [...this.scope.path, ...path, key], message);
      const near = suggest(key, known);
      if (near !== undefined && !node.entries.has(near) && !out.has(near)) out.set(near, entry);
    }
    return out;
  }

  private conformList(view: SchemaView, node: ListNode, path: readonly PathPart[]): unknown[] {
    const leaf = view.leaves.find((each) => each.type === "array");
    const element = leaf?.type === "array" ? leaf.element : undefined;
    return node.items.map((item, index) => {
      const value = element ? this.conform(element, item, [...path, index]) : toPlain(item);
      return value === absent ? null : value;
    });
  }
}

/** Of several objects (a union), the one whose fixed values and keys fit best; else the map of anything. */
function chooseMapLeaf(view: SchemaView, node: MapNode): Extract<Leaf, { type: "object" | "record" }> {
  let best: Extract<Leaf, { type: "object" | "record" }> | undefined;
  let bestScore = -1;
  for (const leaf of view.leaves) {
    if (leaf.type !== "object" && leaf.type !== "record") continue;
    const score = leaf.type === "record" ? 0 : fitOf(leaf.shape, node);
    if (score > bestScore) {
      best = leaf;
      bestScore = score;
    }
  }
  return best as Extract<Leaf, { type: "object" | "record" }>;
}

function fitOf(shape: Readonly<Record<string, z.ZodType>>, node: MapNode): number {
  let score = 0;
  for (const [key, entry] of node.entries) {
    if (!Object.hasOwn(shape, key)) continue;
    score += 1;
    for (const leaf of viewSchema(shape[key]).leaves) {
      if (leaf.type === "choice" && entry.value.kind === "scalar" && leaf.values.includes(entry.value.value))
        score += 100;
    }
  }
  return score;
}

function conformScalar(schema: z.ZodType, view: SchemaView, node: ScalarNode): unknown {
  const value = node.value;
  if (node.expanded?.failed) return wantsText(view) ? value : absent;
  if (value === null) return conformNull(schema, view, node);
  if (has(view, "unknown")) return value;
  const text = node.expanded ? node.expanded.text : undefined;
  switch (typeof value) {
    case "string":
      if (!wantsText(view) && isListOfText(view)) return value === "" ? [] : value.split(",");
      return text !== undefined && wantsText(view) ? text : value;
    case "bigint":
      if (has(view, "bigint")) return value;
      if (has(view, "number") || takesChoice(view, Number(value))) return Number(value);
      break;
    case "number":
      if (has(view, "number") || takesChoice(view, value)) return value;
      break;
    case "boolean":
      if (has(view, "boolean") || takesChoice(view, value)) return value;
      break;
  }
  if (text !== undefined && wantsText(view)) return text;
  if (text !== undefined && isListOfText(view)) return text.split(",");
  return value;
}

function conformNull(schema: z.ZodType, view: SchemaView, node: ScalarNode): unknown {
  if (view.acceptsNull) return null;
  if (view.leaves.some((leaf) => leaf.type === "object")) {
    if (view.bareIsAbsent) return absent;
    // A bare key is the struct with its own defaults, which switches an optional one on, where it can stand on them.
    return (!view.optional && !view.defaulted) || schema.safeParse({}).success ? {} : absent;
  }
  return node.expanded ? zeroValue(view) : absent;
}

function zeroValue(view: SchemaView): unknown {
  if (view.duration) return 0;
  const first = view.leaves[0];
  switch (first?.type) {
    case "string":
    case "choice":
      return "";
    case "number":
      return 0;
    case "bigint":
      return 0n;
    case "boolean":
      return false;
    case "array":
      return [];
    case "record":
      return {};
    default:
      return absent;
  }
}

function has(view: SchemaView, type: Leaf["type"]): boolean {
  return view.leaves.some((leaf) => leaf.type === type);
}

function wantsText(view: SchemaView): boolean {
  return view.leaves.some(
    (leaf) =>
      leaf.type === "string" || (leaf.type === "choice" && leaf.values.some((value) => typeof value === "string")),
  );
}

function takesChoice(view: SchemaView, value: unknown): boolean {
  return view.leaves.some((leaf) => leaf.type === "choice" && leaf.values.includes(value));
}

function isListOfText(view: SchemaView): boolean {
  return view.leaves.some((leaf) => {
    if (leaf.type !== "array" || !leaf.element) return false;
    return wantsText(viewSchema(leaf.element));
  });
}
