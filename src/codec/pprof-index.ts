import { LEN, Reader, VARINT, WireError } from "../proto/wire.js";
import { invalid } from "./invalid.js";

/*
 * Profile { sample_type 1, sample 2, mapping 3, location 4, function 5, string_table 6, drop_frames 7, keep_frames 8,
 *           time_nanos 9, duration_nanos 10, period_type 11, period 12, comment 13, default_sample_type 14, doc_url 15 }
 */

/** [start, end) pairs. */
export class Ranges {
  data = new Int32Array(128);
  /** Pairs. */
  length = 0;

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

/** Where the parts of a pprof are, and its scalars; string indices are unchecked. */
export interface PprofIndex {
  readonly buf: Buffer;
  readonly sampleTypes: Ranges;
  readonly samples: Ranges;
  readonly mappings: Ranges;
  readonly locations: Ranges;
  readonly functions: Ranges;
  readonly strings: Ranges;
  periodType: Reader | undefined;
  timeNanos: bigint;
  durationNanos: bigint;
  period: bigint;
  readonly comments: bigint[];
  dropFrames: bigint;
  keepFrames: bigint;
  defaultSampleType: bigint;
  docUrl: bigint;
}

/** Walks the top level of a pprof. Throws WireError or InvalidProfilesError. */
export function indexPprof(buf: Buffer): PprofIndex {
  const index: PprofIndex = {
    buf,
    sampleTypes: new Ranges(),
    samples: new Ranges(),
    mappings: new Ranges(),
    locations: new Ranges(),
    functions: new Ranges(),
    strings: new Ranges(),
    periodType: undefined,
    timeNanos: 0n,
    durationNanos: 0n,
    period: 0n,
    comments: [],
    dropFrames: 0n,
    keepFrames: 0n,
    defaultSampleType: 0n,
    docUrl: 0n,
  };
  const lists = [
    undefined,
    index.sampleTypes,
    index.samples,
    index.mappings,
    index.locations,
    index.functions,
    index.strings,
  ];
  const reader = new Reader(buf, 0, buf.length);
  while (reader.next()) {
    const list = lists[reader.field];
    if (!list) {
      readOther(reader, index);
      continue;
    }
    if (reader.wireType !== LEN) wrongType(reader, "Profile");
    const length = reader.length();
    list.push(reader.pos, reader.pos + length);
    reader.pos += length;
  }
  const { strings } = index;
  if (strings.length === 0) throw invalid("pprof", "no string table");
  if (strings.data[0] !== strings.data[1]) throw invalid("pprof", "string_table[0] must be ''");
  return index;
}

function readOther(reader: Reader, index: PprofIndex): void {
  const { field } = reader;
  if (field > 15) {
    reader.skip();
    return;
  }
  if (field === 11) {
    if (reader.wireType !== LEN) wrongType(reader, "Profile");
    index.periodType = reader.message();
    return;
  }
  if (field === 13 && reader.wireType === LEN) {
    const list = reader.message();
    while (list.pos < list.end) index.comments.push(list.int64());
    return;
  }
  if (reader.wireType !== VARINT) wrongType(reader, "Profile");
  readScalar(index, field, reader.int64());
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
      index.comments.push(value);
      return;
    case 14:
      index.defaultSampleType = value;
      return;
    default:
      index.docUrl = value;
  }
}

/** Known fields of another wire type are refused: skipped as unknown ones they would be lost without a word. */
export function wrongType(reader: Reader, message: string): never {
  throw new WireError(`field ${reader.field} of ${message} has wire type ${reader.wireType}`);
}
