import type { ScopeBuilder } from "../pdata/builder.js";
import { OutTable } from "../pdata/out-table.js";
import type { ValueType } from "../pdata/profiles.js";
import { CountedStacks } from "./counted-stacks.js";
import { invalid, looksLike } from "./invalid.js";
import {
  countType,
  maxFrames,
  maxNames,
  plainText,
  type StackOptions,
  type StackSummary,
  tooManyFrames,
  tooManyNames,
} from "./stack-options.js";

/*
 * A line per stack, outermost frame first: `main;work;leaf 12`. A frame may hold spaces: the count stands behind the
 * last one. Blank lines and lines that begin with # say nothing. A stack may come more than once.
 */

export interface CollapsedOptions extends StackOptions {
  /** What is counted. Default samples/count. */
  readonly sampleType?: ValueType;
  readonly periodType?: ValueType;
  readonly period?: bigint;
  /** Each count is multiplied by this. Default 1. */
  readonly scale?: bigint;
  /** False: a line that begins with # is a stack, as others. Default true. */
  readonly hasComments?: boolean;
}

const format = "collapsed stacks";
const newline = 0x0a;
const semicolon = 0x3b;
const space = 0x20;
const hash = 0x23;
const plus = 0x2b;

/** Adds collapsed (folded) stacks to a batch being built, as one profile. Throws InvalidProfilesError naming the line. */
export function addCollapsed(scope: ScopeBuilder, bytes: Buffer, options: CollapsedOptions = {}): StackSummary {
  const buf = plainText(format, bytes, options.maxBytes);
  const { sampleType = countType, periodType, period, timeUnixNano, durationNano, attributes } = options;
  const { scale = 1n, hasComments = true } = options;
  const profile = scope.profile({ sampleType, periodType, period, timeUnixNano, durationNano, attributes });
  const reader = new CollapsedReader(scope, buf, scale, hasComments);
  const eventCount = reader.read();
  reader.counts.write(profile);
  return { sampleTypes: [sampleType], eventCount };
}

class CollapsedReader {
  readonly counts = new CountedStacks(format);
  private readonly scope: ScopeBuilder;
  private readonly buf: Buffer;
  private readonly scale: bigint;
  private readonly hasComments: boolean;
  // Stacks and frames by their bytes, and what became of them.
  private readonly stackTexts = new OutTable(1);
  private readonly stacks = [0];
  private readonly frameTexts = new OutTable(1);
  private readonly locations = [0];
  private frames = 0;

  constructor(scope: ScopeBuilder, buf: Buffer, scale: bigint, hasComments: boolean) {
    this.scope = scope;
    this.buf = buf;
    this.scale = scale;
    this.hasComments = hasComments;
  }

  /** Reads all lines; returns how many held a stack. */
  read(): number {
    const { buf } = this;
    let lines = 0;
    let number = 1;
    for (let start = 0; start < buf.length; number++) {
      const found = buf.indexOf(newline, start);
      const next = found < 0 ? buf.length : found;
      let end = next;
      while (end > start && isBlank(buf[end - 1])) end--;
      if (end > start && !(this.hasComments && buf[start] === hash)) {
        this.line(start, end, number);
        lines++;
      }
      start = next + 1;
    }
    return lines;
  }

  private line(start: number, end: number, number: number): void {
    const { buf } = this;
    let countAt = end;
    while (countAt > start && isDigit(buf[countAt - 1])) countAt--;
    const digitsAt = countAt;
    if (digitsAt > start && buf[digitsAt - 1] === plus) countAt--;
    if (digitsAt === end || countAt <= start + 1 || buf[countAt - 1] !== space) {
      const hint = number === 1 ? looksLike(buf) : "";
      throw invalid(format, `line ${number} doesn't end with a space and a whole number${hint}`);
    }
    let stackEnd = countAt;
    while (stackEnd > start && buf[stackEnd - 1] === space) stackEnd--;
    if (stackEnd === start) throw invalid(format, `line ${number} has no frames`);
    this.counts.add(this.stack(start, stackEnd), [], this.count(digitsAt, end));
  }

  private count(start: number, end: number): number | bigint {
    const text = this.buf.latin1Slice(start, end);
    if (text.length > 15) {
      if (text.length > 40) throw invalid(format, "a count past 64 bits");
      return BigInt(text) * this.scale;
    }
    return this.scale === 1n ? Number(text) : BigInt(text) * this.scale;
  }

  private stack(start: number, end: number): number {
    const index = this.stackTexts.add(this.buf, start, end);
    if (index === this.stacks.length) this.stacks.push(this.readStack(start, end));
    return this.stacks[index];
  }

  private readStack(start: number, end: number): number {
    const { buf } = this;
    const frames: number[] = [];
    let from = start;
    for (let p = start; p <= end; p++) {
      if (p < end && buf[p] !== semicolon) continue;
      // An empty frame says nothing: `main;;work`, or a stack that ends with a semicolon.
      if (p > from) {
        if (++this.frames > maxFrames) throw tooManyFrames(format);
        frames.push(this.location(from, p));
      }
      from = p + 1;
    }
    return this.scope.builder.stack(frames.reverse());
  }

  private location(start: number, end: number): number {
    const index = this.frameTexts.add(this.buf, start, end);
    if (index === this.locations.length) {
      if (index > maxNames) throw tooManyNames(format);
      const { builder } = this.scope;
      const name = builder.stringBytes(this.buf, start, end);
      this.locations.push(builder.location({ lines: [{ function: builder.function(name) }] }));
    }
    return this.locations[index];
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isBlank(byte: number): boolean {
  return byte === space || byte === 0x09 || byte === 0x0d;
}
