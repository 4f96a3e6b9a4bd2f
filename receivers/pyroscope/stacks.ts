import { isUtf8 } from "node:buffer";
import { captureAttributes } from "../../src/codec/capture.js";
import { addCollapsed } from "../../src/codec/collapsed.js";
import { CountedStacks } from "../../src/codec/counted-stacks.js";
import { invalid, looksLike, TooLargeError } from "../../src/codec/invalid.js";
import type { SeriesScope } from "../../src/codec/pprof-batch.js";
import { newCaptureId } from "../../src/codec/pprof-decode.js";
import { addSpeedscope } from "../../src/codec/speedscope.js";
import { maxNames, tooManyNames } from "../../src/codec/stack-options.js";
import type { DictionaryBuilder, ProfileBuilder } from "../../src/pdata/builder.js";
import type { ValueType } from "../../src/pdata/profiles.js";
import { Reader, WireError } from "../../src/proto/wire.js";
import type { IngestQuery } from "./ingest-query.js";
import type { StackType } from "./stack-types.js";

export { stackTypeOf } from "./stack-types.js";

const stackFormats = ["groups", "lines", "trie", "tree", "speedscope"] as const;
/** How stacks without anything else are written. */
export type StackFormat = (typeof stackFormats)[number];

export function isStackFormat(format: string): format is StackFormat {
  return (stackFormats as readonly string[]).includes(format);
}

/** Frames of all stacks together: a trie of few bytes can stand for many. */
const maxFrames = 8_000_000;
const maxKeyBytes = 256 * 1024 * 1024;

/** Reads a body of this format into the series. Throws InvalidProfilesError for what isn't one. */
export function addStacks(
  { scope, attributes }: SeriesScope,
  format: StackFormat,
  body: Buffer,
  { timeUnixNano, durationNano }: IngestQuery,
  { sampleType, periodType, period, scale }: StackType,
  maxBytes: number,
): void {
  const fields = { timeUnixNano, durationNano, maxBytes, sampleType, periodType, period };
  // As pprofs of their own, so that they leave as what they came.
  const ownAttributes = (type: ValueType) => captureAttributes(newCaptureId(), [type]);
  if (format === "speedscope") {
    addSpeedscope(scope, body, { ...fields, attributes, ownAttributes, countScale: Number(scale) });
    return;
  }
  const all = { ...fields, attributes: [...attributes, ...ownAttributes(sampleType)] };
  if (format === "groups") {
    addCollapsed(scope, body, { ...all, scale, hasComments: false });
    return;
  }
  const stacks = new Stacks(format, scope.builder, scale);
  if (format === "trie") readTrie(body, stacks);
  else if (format === "tree") readTree(body, stacks);
  else readLines(body, stacks);
  stacks.write(scope.profile(all));
}

/** Adds up what stands at equal stacks. */
class Stacks {
  readonly format: string;
  private readonly builder: DictionaryBuilder;
  private readonly scale: bigint;
  private readonly locations = new Map<string, number>();
  private readonly counts: CountedStacks;
  private frames = 0;

  constructor(format: string, builder: DictionaryBuilder, scale: bigint) {
    this.format = format;
    this.builder = builder;
    this.scale = scale;
    this.counts = new CountedStacks(format);
  }

  /** `names`: outermost first. */
  add(names: readonly string[], value: bigint): void {
    this.frames += names.length;
    if (this.frames > maxFrames) throw new TooLargeError(`${this.format}: more than ${maxFrames} frames`);
    const locations = new Array<number>(names.length);
    for (let i = 0; i < names.length; i++) locations[names.length - 1 - i] = this.location(names[i]);
    this.counts.add(this.builder.stack(locations), [], value * this.scale);
  }

  private location(name: string): number {
    let location = this.locations.get(name);
    if (location === undefined) {
      if (this.locations.size >= maxNames) throw tooManyNames(this.format);
      location = this.builder.location({ lines: [{ function: this.builder.function(this.builder.string(name)) }] });
      this.locations.set(name, location);
    }
    return location;
  }

  write(profile: ProfileBuilder): void {
    this.counts.write(profile);
  }
}

/** A stack a line, frames divided by semicolons; each line counts for one. */
function readLines(body: Buffer, stacks: Stacks): void {
  if (!isUtf8(body)) throw invalid(stacks.format, `not UTF-8 text${looksLike(body)}`);
  for (const line of body.toString().split("\n")) {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (text !== "") stacks.add(text.split(";"), 1n);
  }
}

const maxValue = 0x7fff_ffff_ffff_ffffn;

/** A node: length of its name, name, value, number of children, all varints; its children follow. */
interface Node {
  readonly name: string;
  readonly value: bigint;
  children: number;
}

function readNode(reader: Reader, format: string): Node {
  const name = format === "tree" ? utf8(text(reader, format), format) : text(reader, format);
  const value = varint(reader);
  if (value > maxValue) throw invalid(format, "a value is past 64 bits");
  const children = varint(reader);
  // A node takes three bytes at least.
  if (children > BigInt(reader.end - reader.pos))
    throw invalid(format, "a node has more children than there are bytes");
  return { name, value, children: Number(children) };
}

function varint(reader: Reader): bigint {
  const high = reader.skipVarintHigh();
  return (BigInt(high >>> 0) << 32n) | BigInt(reader.low >>> 0);
}

function text(reader: Reader, format: string): string {
  const length = varint(reader);
  if (length > BigInt(reader.end - reader.pos)) throw invalid(format, "a name is cut short");
  const start = reader.pos;
  reader.pos += Number(length);
  // A trie may cut a name between any two bytes: whether it is UTF-8 shows in the whole.
  return reader.buf.latin1Slice(start, reader.pos);
}

/** Visits all nodes, each behind those above it. */
function walk(body: Buffer, format: string, visit: (path: readonly Node[]) => void): void {
  const reader = new Reader(body, 0, body.length);
  const path: Node[] = [];
  try {
    // Pyroscope takes a trie of several roots too.
    while (path.length > 0 || reader.pos === 0 || (format === "trie" && reader.pos < reader.end)) {
      const node = readNode(reader, format);
      path.push(node);
      if (path.length > maxDepth) throw new TooLargeError(`${format}: more than ${maxDepth} levels`);
      if (node.value > 0n) visit(path);
      while (path.length > 0 && path[path.length - 1].children === 0) path.pop();
      if (path.length > 0) path[path.length - 1].children--;
    }
  } catch (error) {
    if (error instanceof WireError) throw invalid(format, error.message);
    throw error;
  }
  if (reader.pos < reader.end) throw invalid(format, "bytes behind the last node");
}

const maxDepth = 4096;

function utf8(latin1: string, format: string): string {
  const bytes = Buffer.from(latin1, "latin1");
  if (!isUtf8(bytes)) throw invalid(format, "a name is not UTF-8");
  return bytes.toString();
}

/** Stacks as strings that share their beginnings; whatever stands on the path of a node is its stack. */
function readTrie(body: Buffer, stacks: Stacks): void {
  let bytes = 0;
  walk(body, stacks.format, (path) => {
    const key = path.map(({ name }) => name).join("");
    bytes += key.length;
    if (bytes > maxKeyBytes) throw new TooLargeError(`${stacks.format}: stacks of more than ${maxKeyBytes} bytes`);
    if (key === "") throw invalid(stacks.format, "a value without a stack");
    stacks.add(utf8(key, stacks.format).split(";"), path[path.length - 1].value);
  });
}

/** A node is a frame; the one at the root has no name. */
function readTree(body: Buffer, stacks: Stacks): void {
  walk(body, stacks.format, (path) => {
    const names = path.slice(1).map(({ name }) => name);
    if (names.length === 0) throw invalid(stacks.format, "a value without a stack");
    stacks.add(names, path[path.length - 1].value);
  });
}
