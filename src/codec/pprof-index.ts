import { LEN, VARINT } from "../proto/wire.js";
import { invalid, TooLargeError } from "./invalid.js";
import { last, readLength, readLongTag, readVarint, skipUnknown } from "./varint.js";

/** Comments of one pprof: each becomes a string object. */
const maxComments = 10_000;

/*
 * Profile { sample_type 1, sample 2, mapping 3, location 4, function 5, string_table 6, drop_frames 7, keep_frames 8,
 *           time_nanos 9, duration_nanos 10, period_type 11, period 12, comment 13, default_sample_type 14, doc_url 15 }
 */

/** [start, end) pairs. */
export class Ranges {
  data = new Int32Array(128);
  /** Pairs. */
  length = 0;

  reset(): this {
    this.length = 0;
    if (this.data.length > 1 << 16) this.data = new Int32Array(128);
    return this;
  }

  push(start: number, end: number): void {
    const at = 2 * this.length++;
    if (at === this.data.length) {
      const larger = new Int32Array(2 * at);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[at] = start;
    this.data[at + 1] = end;
  }
}

/** A ValueType by the indices of its strings. */
export interface ValueTypeIndices {
  readonly type: bigint;
  readonly unit: bigint;
}

/** ValueType { type 1, unit 2 } in [p, end). */
export function readValueType(buf: Buffer, p: number, end: number): ValueTypeIndices {
  let type = 0n;
  let unit = 0n;
  while (p < end) {
    let tag = buf[p++];
    if (tag > 0x7f) {
      p = readLongTag(buf, p - 1, end);
      tag = last.low;
    }
    if (tag !== 0x08 && tag !== 0x10) {
      p = skipUnknown(buf, p, end, tag, 2, "ValueType");
      continue;
    }
    p = readVarint(buf, p, end);
    if (tag === 0x08) type = lastInt64();
    else unit = lastInt64();
  }
  return { type, unit };
}

/** Where the parts of a pprof are, and its scalars; string indices are unchecked. */
export interface PprofIndex {
  readonly buf: Buffer;
  readonly sampleTypes: Ranges;
  readonly samples: Ranges;
  readonly mappings: Ranges;
  readonly locations: Ranges;
  readonly functions: Ranges;
  readonly strings: Ranges;
  periodType: ValueTypeIndices;
  timeNanos: bigint;
  durationNanos: bigint;
  period: bigint;
  readonly comments: bigint[];
  dropFrames: bigint;
  keepFrames: bigint;
  defaultSampleType: bigint;
  docUrl: bigint;
}

/** Decoding is synchronous: one set of lists serves all. */
const ranges = Array.from({ length: 6 }, () => new Ranges());

/** Walks the top level of a pprof. The index is valid until the next one is made. Throws WireError or InvalidProfilesError. */
export function indexPprof(buf: Buffer): PprofIndex {
  const index: PprofIndex = {
    buf,
    sampleTypes: ranges[0].reset(),
    samples: ranges[1].reset(),
    mappings: ranges[2].reset(),
    locations: ranges[3].reset(),
    functions: ranges[4].reset(),
    strings: ranges[5].reset(),
    periodType: { type: 0n, unit: 0n },
    timeNanos: 0n,
    durationNanos: 0n,
    period: 0n,
    comments: [],
    dropFrames: 0n,
    keepFrames: 0n,
    defaultSampleType: 0n,
    docUrl: 0n,
  };
  const end = buf.length;
  for (let p = 0; p < end; ) {
    let tag = buf[p++];
    if (tag > 0x7f) {
      p = readLongTag(buf, p - 1, end);
      tag = last.low;
    }
    const field = tag >>> 3;
    if (field > 6 || field === 0 || (tag & 7) !== LEN) p = readOther(index, p, end, tag);
    else {
      p = readLength(buf, p, end);
      const stop = p + last.low;
      ranges[field - 1].push(p, stop);
      p = stop;
    }
  }
  const { strings } = index;
  if (strings.length === 0) throw invalid("pprof", "no string table");
  if (strings.data[0] !== strings.data[1]) throw invalid("pprof", "string_table[0] must be ''");
  return index;
}

/** A field that isn't part of a table. */
function readOther(index: PprofIndex, p: number, end: number, tag: number): number {
  const { buf } = index;
  const field = tag >>> 3;
  if (tag === 0x5a) {
    p = readLength(buf, p, end);
    const stop = p + last.low;
    index.periodType = readValueType(buf, p, stop);
    return stop;
  }
  if (tag === 0x6a) {
    p = readLength(buf, p, end);
    const stop = p + last.low;
    while (p < stop) {
      p = readVarint(buf, p, stop);
      addComment(index, lastInt64());
    }
    return p;
  }
  if ((tag & 7) !== VARINT || field < 7 || field > 15 || field === 11) {
    return skipUnknown(buf, p, end, tag, 15, "Profile");
  }
  p = readVarint(buf, p, end);
  readScalar(index, field, lastInt64());
  return p;
}

function lastInt64(): bigint {
  return (BigInt(last.high) << 32n) | BigInt(last.low >>> 0);
}

function addComment(index: PprofIndex, comment: bigint): void {
  if (index.comments.length === maxComments) throw new TooLargeError(`pprof: more than ${maxComments} comments`);
  index.comments.push(comment);
}

function readScalar(index: PprofIndex, field: number, value: bigint): void {
  switch (field) {
    case 7:
      index.dropFrames = value;
      return;
    case 8:
      index.keepFrames = value;
      return;
    case 9:
      // As google/pprof sees it: two profiles one behind the other make one message that says neither.
      if (index.timeNanos !== 0n) throw invalid("pprof", "concatenated profiles");
      index.timeNanos = value;
      return;
    case 10:
      index.durationNanos = value;
      return;
    case 12:
      index.period = value;
      return;
    case 13:
      addComment(index, value);
      return;
    case 14:
      index.defaultSampleType = value;
      return;
    default:
      index.docUrl = value;
  }
}
