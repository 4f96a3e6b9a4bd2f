import { isUtf8 } from "node:buffer";
import type { ProfilesBuilder } from "../pdata/builder.js";
import { STRING } from "../pdata/tables.js";
import { isText } from "../pdata/wire-steps.js";
import { invalid, TooLargeError } from "./invalid.js";
import type { Ranges } from "./pprof-index.js";
import type { PprofWriter } from "./pprof-writer.js";
import { ScratchInts } from "./scratch.js";
import { replaceBadUtf8 } from "./utf8.js";

const unmapped = -1;
const maxShort = 16 * 1024;
const mapped = new ScratchInts();

/**
 * The string table of one pprof. A string goes into the dictionary being built when something uses it for the first
 * time. Bytes that are no UTF-8 become U+FFFD: OTLP has no room for them.
 */
export class PprofTexts {
  private readonly buf: Buffer;
  private readonly ranges: Int32Array;
  private readonly count: number;
  private readonly builder: ProfilesBuilder;
  private readonly mapped: Int32Array;
  /** True if all strings are known to be UTF-8. */
  private readonly allText: boolean;

  constructor(buf: Buffer, strings: Ranges, builder: ProfilesBuilder) {
    this.buf = buf;
    this.ranges = strings.data;
    this.count = strings.length;
    this.builder = builder;
    this.mapped = mapped.take(this.count, unmapped);
    this.mapped[0] = 0;
    this.allText = isAllText(buf, strings);
  }

  /** string_table index of a string of the pprof; `index` is checked. */
  string(index: number): number {
    const known = this.mapped[index];
    return known !== unmapped ? known : this.intern(index);
  }

  private intern(index: number): number {
    const start = this.ranges[2 * index];
    const end = this.ranges[2 * index + 1];
    const { buf, builder } = this;
    const found = this.isText(start, end)
      ? builder.entry(STRING, buf, start, end)
      : builder.string(replaceBadUtf8(buf.subarray(start, end)));
    this.mapped[index] = found;
    return found;
  }

  private isText(start: number, end: number): boolean {
    return this.allText || isText(this.buf, start, end);
  }

  /** The text of a string; throws for an index out of range. */
  text(index: bigint): string {
    if (index < 0n || index >= BigInt(this.count)) throw outOfRange(index);
    if (index === 0n) return "";
    const start = this.ranges[2 * Number(index)];
    const end = this.ranges[2 * Number(index) + 1];
    const { buf } = this;
    return this.isText(start, end) ? buf.utf8Slice(start, end) : replaceBadUtf8(buf.subarray(start, end));
  }

  /** As `text`, for texts that are copied more than once: refused where long. */
  short(index: bigint): string {
    const text = this.text(index);
    if (text.length > maxShort)
      throw new TooLargeError(`pprof: a type, unit or comment of more than ${maxShort} characters`);
    return text;
  }

  /** A string index from its halves; throws where there is no such string. */
  check(low: number, high: number): number {
    const index = low >>> 0;
    if (!this.has(low, high)) throw outOfRange((BigInt(high) << 32n) | BigInt(index));
    return index;
  }

  has(low: number, high: number): boolean {
    return high === 0 && low >>> 0 < this.count;
  }

  /** Appends the text of a string as a field. */
  write(out: PprofWriter, tag: number, index: number): void {
    const start = this.ranges[2 * index];
    const end = this.ranges[2 * index + 1];
    if (this.isText(start, end)) out.bytes(tag, this.buf, start, end);
    else out.string(tag, replaceBadUtf8(this.buf.subarray(start, end)));
  }
}

/**
 * True if all strings are UTF-8. Tags, and lengths below 128, are ASCII: strings that stand behind one another are
 * checked as one, and long ones part them.
 */
export function isAllText(buf: Buffer, { data, length }: Ranges): boolean {
  let start = data[0];
  let end = start;
  for (let i = 0; i < length; i++) {
    const from = data[2 * i];
    const to = data[2 * i + 1];
    if (from - end > 2 || to - from > 0x7f) {
      if (!isUtf8(buf.subarray(start, end))) return false;
      start = from;
    }
    end = to;
  }
  return isUtf8(buf.subarray(start, end));
}

function outOfRange(index: bigint): Error {
  return invalid("pprof", `string index ${BigInt.asIntN(64, index)} is out of range`);
}
