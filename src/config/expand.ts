import { type Entry, listNode, mapNode, type Node, type ScalarNode, scalarNode } from "./node.js";
import type { PathPart, ProblemList } from "./problem.js";
import { parseReference, type Retrieved, retrieve, type SourceAccess, SourceError } from "./source.js";
import { yamlLimits } from "./yaml-syntax.js";

/** Bounds on what references may grow to. */
export const expansionLimits = {
  /** References resolved one inside or after the other, for one value. */
  maxRounds: 1000,
  /** References resolved in a whole configuration. */
  maxReferences: 10_000,
};

/**
 * Replaces `${…}` in string scalars (never in keys), innermost first, and turns `$$` into `$`. A value that is a single
 * reference keeps its YAML type and its text; elsewhere the text is substituted. Failures are reported; the value then
 * stays as it was written and is marked `failed`.
 */
export async function expandTree(root: Node, access: SourceAccess, problems: ProblemList): Promise<Node> {
  return new Expander(access, problems).expand(root, [], 0);
}

class Expander {
  private references = 0;
  private nodes = 0;
  private readonly access: SourceAccess;
  private readonly problems: ProblemList;

  constructor(access: SourceAccess, problems: ProblemList) {
    this.access = access;
    this.problems = problems;
  }

  /** `rounds` counts the references that led here, so that a file that includes itself comes to an end. */
  async expand(node: Node, path: readonly PathPart[], rounds: number): Promise<Node> {
    if (!holdsDollar(node)) return node;
    if (node.kind === "scalar") return this.expandScalar(node, path, rounds);
    if (node.kind === "list") {
      const items: Node[] = [];
      for (const [index, item] of node.items.entries()) items.push(await this.expand(item, [...path, index], rounds));
      return listNode(items, node.at, node.expanded);
    }
    const entries = new Map<string, Entry>();
    for (const [key, { keyAt, value }] of node.entries) {
      entries.set(key, { keyAt, value: await this.expand(value, [...path, key], rounds) });
    }
    return mapNode(entries, node.at, node.expanded);
  }

  private async expandScalar(node: ScalarNode, path: readonly PathPart[], rounds: number): Promise<Node> {
    const written = String(node.value);
    try {
      return await this.expandText(written, node, path, rounds);
    } catch (caught) {
      if (!(caught instanceof SourceError)) throw caught;
      this.problems.error(node.at, path, caught.message);
      return scalarNode(written, node.at, { written, text: written, failed: true });
    }
  }

  private async expandText(
    written: string,
    node: ScalarNode,
    path: readonly PathPart[],
    before: number,
  ): Promise<Node> {
    let text = written;
    for (let rounds = before; ; rounds++) {
      const found = findReference(text);
      if (!found) break;
      const retrieved = await this.resolve(text.slice(found.start + 2, found.end - 1), node, path, rounds);
      const whole = found.start === 0 && found.end === text.length;
      if (whole && !isText(retrieved.node)) return this.placeTyped(retrieved, written, path, rounds + 1);
      text = text.slice(0, found.start) + retrieved.embeddedText + text.slice(found.end);
      if (text.length > yamlLimits.maxBytes) {
        throw new SourceError(`the expanded value is larger than ${yamlLimits.maxBytes} characters`);
      }
    }
    const value = unescapeDollars(text);
    return scalarNode(value, node.at, text === written ? undefined : { written, text: value });
  }

  /** A reference that stands alone and is no text: a number, a boolean, null, or a whole subtree. */
  private async placeTyped(
    retrieved: Retrieved,
    written: string,
    path: readonly PathPart[],
    rounds: number,
  ): Promise<Node> {
    const expanded = await this.expand(retrieved.node, path, rounds);
    const text =
      retrieved.text === undefined ? undefined : await this.expandInText(retrieved.text, expanded, path, rounds);
    const origin = { written, text };
    if (expanded.kind === "scalar") return scalarNode(expanded.value, expanded.at, origin);
    this.nodes += expanded.size;
    if (this.nodes > yamlLimits.maxNodes) {
      throw new SourceError(`references expand to more than ${yamlLimits.maxNodes} values`);
    }
    return expanded.kind === "list"
      ? listNode(expanded.items, expanded.at, origin)
      : mapNode(expanded.entries, expanded.at, origin);
  }

  /** The text of a subtree, its own references written out, for fields that want text. */
  private async expandInText(source: string, at: Node, path: readonly PathPart[], before: number): Promise<string> {
    let text = source;
    for (let rounds = before; ; rounds++) {
      const found = findReference(text);
      if (!found || text.length > yamlLimits.maxBytes) return unescapeDollars(text);
      const retrieved = await this.resolve(text.slice(found.start + 2, found.end - 1), at, path, rounds);
      text = text.slice(0, found.start) + retrieved.embeddedText + text.slice(found.end);
    }
  }

  private async resolve(uri: string, node: Node, path: readonly PathPart[], rounds: number): Promise<Retrieved> {
    this.references += 1;
    if (rounds >= expansionLimits.maxRounds || this.references > expansionLimits.maxReferences) {
      throw new SourceError("too many recursive expansions (does a reference lead back to itself?)");
    }
    if (uri.includes("$")) throw new SourceError(`the uri "${uri}" contains unsupported characters ('$')`);
    return retrieve(parseReference(uri), this.access, node.at, path, this.problems);
  }
}

function isText(node: Node): boolean {
  return node.kind === "scalar" && typeof node.value === "string";
}

function holdsDollar(node: Node): boolean {
  if (node.kind === "scalar") return typeof node.value === "string" && node.value.includes("$");
  if (node.kind === "list") return node.items.some(holdsDollar);
  for (const entry of node.entries.values()) if (holdsDollar(entry.value)) return true;
  return false;
}

/** The first reference that holds no other: from the last "${" before a "}". One after an odd run of "$" is escaped. */
export function findReference(text: string): { start: number; end: number } | undefined {
  let from = 0;
  for (;;) {
    const close = text.indexOf("}", from);
    if (close < 0) return undefined;
    const start = text.lastIndexOf("${", close);
    if (start >= from && !isEscaped(text, start)) return { start, end: close + 1 };
    from = close + 1;
  }
}

function isEscaped(text: string, start: number): boolean {
  let dollars = 0;
  while (text[start - 1 - dollars] === "$") dollars += 1;
  return dollars % 2 === 1;
}

function unescapeDollars(text: string): string {
  return text.replaceAll("$$", "$");
}
