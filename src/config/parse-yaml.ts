import { isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, type Scalar } from "yaml";
import {
  type Entry,
  isNull,
  listNode,
  type MapNode,
  mapNode,
  type Node,
  type ScalarValue,
  scalarNode,
} from "./node.js";
import type { PathPart, Position, ProblemList } from "./problem.js";
import { resolvePlainScalar } from "./scalar.js";
import { parseSyntax, syntaxErrors, syntaxMessage, tooDeep, yamlLimits } from "./yaml-syntax.js";

/** YAML in the scalar style of go-yaml: see resolvePlainScalar. */
const coreTags = new Set(
  ["str", "int", "float", "bool", "null", "map", "seq"].map((tag) => `tag:yaml.org,2002:${tag}`),
);

export interface ParseOptions {
  /** Names the text in positions. */
  readonly file: string;
  /** Accept "__proto__" as a key; the reader must then set own properties only. */
  readonly allowProtoKey?: boolean;
  /** "a::b: v" means {a: {b: v}}. */
  readonly splitKeys?: boolean;
}

export interface ParsedYaml {
  /** undefined if the text could not be read (the problems say why). */
  readonly node: Node | undefined;
  readonly hasComment: boolean;
}

class Abort extends Error {}

/** Reads one YAML document, keeping positions. Bounded in size, depth and alias expansion. */
export function parseYaml(text: string, options: ParseOptions, problems: ProblemList): ParsedYaml {
  const start: Position = { file: options.file, line: 1, column: 1 };
  const failed = { node: undefined, hasComment: false };
  if (Buffer.byteLength(text) > yamlLimits.maxBytes) {
    problems.error(start, [], `YAML text is larger than ${yamlLimits.maxBytes} bytes`);
    return failed;
  }
  const lines = new LineCounter();
  const document = parseSyntax(text, lines);
  if (!document) {
    problems.error(start, [], tooDeep);
    return failed;
  }
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file: options.file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  for (const error of syntaxErrors(document)) {
    problems.error(positionOf(error.pos[0]), [], `cannot parse YAML: ${syntaxMessage(error, text)}`);
  }
  if (document.errors.length > 0) return failed;
  const reader = new Reader(options, problems, positionOf);
  try {
    const node = document.contents ? reader.read(document.contents, [], 0) : scalarNode(null, start);
    return { node, hasComment: reader.hasComment || document.commentBefore != null || document.comment != null };
  } catch (caught) {
    if (caught instanceof Abort) return failed;
    throw caught;
  }
}

interface Ranged {
  range?: readonly number[] | null;
  anchor?: string;
  comment?: string | null;
  commentBefore?: string | null;
}

/** Turns the parser's tree into ours: anchors resolved, merge keys applied, scalars typed, duplicates refused. */
class Reader {
  hasComment = false;
  /** undefined while the anchored node is still being read: an alias to it from inside would never end. */
  private readonly anchors = new Map<string, Node | undefined>();
  private readonly options: ParseOptions;
  private readonly problems: ProblemList;
  private readonly positionOf: (offset: number) => Position;

  constructor(options: ParseOptions, problems: ProblemList, positionOf: (offset: number) => Position) {
    this.options = options;
    this.problems = problems;
    this.positionOf = positionOf;
  }

  read(source: unknown, path: readonly PathPart[], depth: number): Node {
    const ranged = source as Ranged;
    const at = this.positionOf(ranged?.range?.[0] ?? 0);
    if (depth > yamlLimits.maxDepth) {
      this.abort(at, path, tooDeep);
    }
    if (ranged?.comment != null || ranged?.commentBefore != null) this.hasComment = true;
    if (isAlias(source)) return this.readAlias(source.source, at, path);
    const anchor = ranged?.anchor;
    if (anchor) this.anchors.set(anchor, undefined);
    const node = this.readContent(source, at, path, depth);
    if (node.size > yamlLimits.maxNodes) {
      this.abort(at, path, `document contains excessive aliasing (more than ${yamlLimits.maxNodes} values)`);
    }
    if (anchor) this.anchors.set(anchor, node);
    return node;
  }

  private readContent(source: unknown, at: Position, path: readonly PathPart[], depth: number): Node {
    if (source == null) return scalarNode(null, at);
    const tag = (source as { tag?: string }).tag;
    if (tag !== undefined && !coreTags.has(tag)) {
      this.problems.error(at, path, `unsupported YAML tag ${tag}`);
    }
    if (isMap(source)) return this.readMap(source.items as Pair[], at, path, depth);
    if (isSeq(source)) {
      const items: Node[] = [];
      for (const [index, item] of source.items.entries()) items.push(this.read(item, [...path, index], depth + 1));
      return listNode(items, at);
    }
    if (!isScalar(source)) this.abort(at, path, "cannot parse YAML: unexpected content");
    return scalarNode(this.scalarValue(source as Scalar, at, path), at);
  }

  private readAlias(name: string, at: Position, path: readonly PathPart[]): Node {
    const target = this.anchors.get(name);
    if (target) return target;
    const message = this.anchors.has(name)
      ? `anchor &${name} contains itself`
      : `unknown anchor *${name} (define it with &${name} before this line)`;
    this.problems.error(at, path, message);
    return scalarNode(null, at);
  }

  private scalarValue(source: Scalar, at: Position, path: readonly PathPart[]): ScalarValue {
    const text = source.source ?? "";
    const tag = source.tag?.replace("tag:yaml.org,2002:", "!!");
    if (tag === "!!str") return text;
    const plain = source.type === "PLAIN" || source.type === undefined;
    if (!plain && tag === undefined) return text;
    const value = resolvePlainScalar(text);
    if (tag === undefined || !coreTags.has(source.tag ?? "")) return plain ? value : text;
    if (tag === "!!float" && typeof value === "bigint") return Number(value);
    const expected = { "!!int": "bigint", "!!float": "number", "!!bool": "boolean", "!!null": "object" }[tag];
    if (typeof value !== expected) this.problems.error(at, path, `cannot parse YAML: the value is not a ${tag}`);
    return value;
  }

  private readMap(pairs: readonly Pair[], at: Position, path: readonly PathPart[], depth: number): Node {
    const entries = new Map<string, Entry>();
    const merges: Node[] = [];
    const written = new Map<string, Position>();
    for (const pair of pairs) {
      const key = this.readKey(pair.key, at, path);
      if (key === undefined) continue;
      if (key.merge) {
        merges.push(this.read(pair.value, [...path, "<<"], depth + 1));
        continue;
      }
      const first = written.get(key.text);
      if (first) {
        this.problems.error(
          key.at,
          [...path, key.text],
          `mapping key "${key.text}" already defined at line ${first.line} (keep one of the two)`,
        );
        continue;
      }
      written.set(key.text, key.at);
      const parts = this.options.splitKeys ? splitKey(key.text) : [key.text];
      const value = this.read(pair.value, [...path, ...parts], depth + parts.length);
      // A missing value has no place of its own.
      const node = isNull(value) && pair.value === null ? scalarNode(null, key.at) : value;
      if (this.acceptsKey(parts, key.at, path)) addEntry(entries, parts, { keyAt: key.at, value: node });
    }
    for (const merge of merges) this.applyMerge(entries, merge, path);
    return mapNode(entries, at);
  }

  private readKey(
    source: unknown,
    mapAt: Position,
    path: readonly PathPart[],
  ): { text: string; at: Position; merge: boolean } | undefined {
    const at = this.positionOf((source as Ranged)?.range?.[0] ?? 0);
    const key = isAlias(source) ? this.readAlias(source.source, at, path) : undefined;
    if (key ? key.kind !== "scalar" : !isScalar(source)) {
      this.problems.error(source ? at : mapAt, path, "a mapping key must be a plain scalar");
      return undefined;
    }
    const scalar = source as Scalar;
    const text = key?.kind === "scalar" ? String(key.value) : (scalar.source ?? "");
    if (scalar.anchor) this.anchors.set(scalar.anchor, scalarNode(text, at));
    return { text, at, merge: text === "<<" && scalar.type === "PLAIN" };
  }

  private acceptsKey(parts: readonly string[], at: Position, path: readonly PathPart[]): boolean {
    if (this.options.allowProtoKey || !parts.includes("__proto__")) return true;
    this.problems.error(at, path, 'the key "__proto__" is not allowed');
    return false;
  }

  /** `<<: *base` or a list of them: fills in keys that the map does not set itself; earlier ones win. */
  private applyMerge(entries: Map<string, Entry>, merge: Node, path: readonly PathPart[]): void {
    const bases = merge.kind === "list" ? merge.items : [merge];
    for (const base of bases) {
      if (base.kind !== "map") {
        this.problems.error(base.at, path, "map merge requires map or sequence of maps as the value");
        continue;
      }
      for (const [key, entry] of base.entries) if (!entries.has(key)) entries.set(key, entry);
    }
  }

  private abort(at: Position, path: readonly PathPart[], message: string): never {
    this.problems.error(at, path, message);
    throw new Abort(message);
  }
}

/** "a::b" is a path; a key with an empty part ("::1") is left as it is. */
function splitKey(key: string): readonly string[] {
  const parts = key.split("::");
  return parts.includes("") || parts.length > yamlLimits.maxDepth ? [key] : parts;
}

function addEntry(entries: Map<string, Entry>, path: readonly string[], entry: Entry): void {
  const [key, ...rest] = path;
  const present = entries.get(key)?.value;
  if (rest.length === 0) {
    const both = present?.kind === "map" && entry.value.kind === "map";
    entries.set(key, both ? { keyAt: entry.keyAt, value: joinMaps(present, entry.value as MapNode) } : entry);
    return;
  }
  const inner = new Map(present?.kind === "map" ? present.entries : []);
  addEntry(inner, rest, entry);
  entries.set(key, { keyAt: entries.get(key)?.keyAt ?? entry.keyAt, value: mapNode(inner, entry.keyAt) });
}

function joinMaps(first: MapNode, second: MapNode): MapNode {
  const entries = new Map(first.entries);
  for (const [key, entry] of second.entries) addEntry(entries, [key], entry);
  return mapNode(entries, first.at);
}
