import { LEN, Reader, VARINT, WireError, Writer } from "../proto/wire.js";
import { DeltaTable } from "./delta-table.js";
import { invalid, looksLike } from "./invalid.js";
import { indexPprof, type PprofIndex, type Ranges } from "./pprof-index.js";
import { idOf, SampleKeys, wrongType } from "./pprof-keys.js";

/** What has to be kept of a pprof so that the next one can be compared with it. */
export interface PprofBaseline {
  /** Sample types as "type/unit", joined. */
  readonly types: string;
  readonly timeNanos: bigint;
  /** Bytes that the baseline takes. */
  readonly byteSize: number;
  readonly table: DeltaTable;
}

export interface PprofDelta {
  /** undefined where there was nothing to compare with. Not compressed; samples that are all zero are left out. */
  readonly bytes: Buffer | undefined;
  /** True if a value fell, or its stack is gone: the process began anew, and all its values came since the last pprof. */
  readonly reset: boolean;
  readonly baseline: PprofBaseline;
}

export interface DeltaOptions {
  /** Which sample types are cumulative; the others pass as they are. */
  readonly isCumulative: (type: string, unit: string) => boolean;
  /** Refuse pprofs whose baseline would take more bytes. */
  readonly maxBaselineBytes: number;
}

/** Thrown where a baseline would be larger than allowed. */
export class BaselineTooLargeError extends Error {}

/**
 * The difference between a pprof, decompressed, and the one before it of the same process. The result's time is the
 * earlier pprof's, its duration the time between the two. undefined where no sample type is cumulative. Throws
 * InvalidProfilesError.
 */
export function deltaPprof(
  plain: Buffer,
  before: PprofBaseline | undefined,
  options: DeltaOptions,
): PprofDelta | undefined {
  try {
    return compare(plain, before, options);
  } catch (caught) {
    if (!(caught instanceof WireError)) throw caught;
    throw invalid("pprof", caught.message + looksLike(plain));
  }
}

function compare(plain: Buffer, before: PprofBaseline | undefined, options: DeltaOptions): PprofDelta | undefined {
  const index = indexPprof(plain);
  const types = readTypes(index);
  const cumulative = types.map(([type, unit]) => options.isCumulative(type, unit));
  const width = cumulative.filter(Boolean).length;
  if (width === 0) return undefined;
  const typesText = types.map((type) => type.join("/")).join(" ");
  const byteSize = DeltaTable.byteSize(index.samples.length, width);
  if (byteSize > options.maxBaselineBytes) {
    throw new BaselineTooLargeError(`comparing ${index.samples.length} stacks takes ${byteSize} bytes`);
  }
  const rows = readRows(index, types.length, cumulative, width);
  const baseline: PprofBaseline = { types: typesText, timeNanos: index.timeNanos, byteSize, table: rows.table };
  if (!before || before.types !== typesText) return { bytes: undefined, reset: false, baseline };
  const reset = subtract(rows, before.table, cumulative);
  return { bytes: write(index, rows, before.timeNanos, types.length), reset, baseline };
}

interface Rows {
  readonly table: DeltaTable;
  /** For each row, the first sample that has its key. */
  readonly firstSample: Int32Array;
  /** All values of each row; the cumulative ones become differences. */
  readonly values: BigInt64Array;
}

function readTypes({ buf, sampleTypes, strings }: PprofIndex): [type: string, unit: string][] {
  const text = (at: number) =>
    at > 0 && at < strings.length ? buf.utf8Slice(strings.data[2 * at], strings.data[2 * at + 1]) : "";
  return Array.from({ length: sampleTypes.length }, (_, i) => {
    const reader = new Reader(buf, sampleTypes.data[2 * i], sampleTypes.data[2 * i + 1]);
    const type: [string, string] = ["", ""];
    while (reader.next()) {
      if (reader.field > 2 || reader.wireType !== VARINT) reader.skip();
      else type[reader.field - 1] = text(reader.uint32());
    }
    return type;
  });
}

/** Sample { location_id 1, value 2, label 3 } */
function readRows(index: PprofIndex, types: number, cumulative: readonly boolean[], width: number): Rows {
  const { buf, samples } = index;
  const keys = new SampleKeys(index);
  const table = new DeltaTable(samples.length, width);
  const firstSample = new Int32Array(samples.length);
  const values = new BigInt64Array(samples.length * types);
  const own = new BigInt64Array(types);
  for (let i = 0; i < samples.length; i++) {
    readSample(new Reader(buf, samples.data[2 * i], samples.data[2 * i + 1]), keys, own);
    const known = table.count;
    const row = table.add(keys.low, keys.high);
    if (row === known) firstSample[row] = i;
    for (let t = 0, c = row * width; t < types; t++) {
      values[row * types + t] += own[t];
      if (cumulative[t]) table.values[c++] += own[t];
    }
  }
  return { table, firstSample, values };
}

function readSample(reader: Reader, keys: SampleKeys, values: BigInt64Array): void {
  keys.begin();
  let count = 0;
  const value = (from: Reader) => {
    if (count < values.length) values[count] = from.int64();
    else from.uint64();
    count++;
  };
  while (reader.next()) {
    const { field } = reader;
    if (field > 3) {
      reader.skip();
      continue;
    }
    if (field === 3) {
      if (reader.wireType !== LEN) wrongType(reader, "Sample");
      keys.label(reader.message());
      continue;
    }
    if (reader.wireType !== LEN && reader.wireType !== VARINT) wrongType(reader, "Sample");
    const from = reader.wireType === LEN ? reader.message() : reader;
    do {
      if (from.pos >= from.end) break;
      if (field === 1) keys.location(idOf(from));
      else value(from);
    } while (from !== reader);
  }
  if (count !== values.length) throw invalid("pprof", `a sample has ${count} values, not ${values.length}`);
}

/** Makes the cumulative values of `rows` differences; true, and they stay as they are, if one fell or is gone. */
function subtract(rows: Rows, before: DeltaTable, cumulative: readonly boolean[]): boolean {
  const { table, values } = rows;
  const types = cumulative.length;
  const earlier = new Int32Array(table.count);
  const met = new Uint8Array(before.count);
  for (let row = 0; row < table.count; row++) {
    const old = table.rowIn(before, row);
    earlier[row] = old;
    if (old < 0) continue;
    met[old] = 1;
    if (table.isBelow(row, before, old)) return true;
  }
  for (let old = 0; old < before.count; old++) if (met[old] === 0 && before.isAboveZero(old)) return true;
  for (let row = 0; row < table.count; row++) {
    const old = earlier[row];
    if (old < 0) continue;
    for (let t = 0, c = old * table.width; t < types; t++) {
      if (cumulative[t]) values[row * types + t] -= before.values[c++];
    }
  }
  return false;
}

/** The pprof as it was, but for its samples, time and duration. */
function write(index: PprofIndex, rows: Rows, beforeNanos: bigint, types: number): Buffer {
  const { buf, timeNanos } = index;
  const out = new Writer(buf.length + 64);
  const reader = new Reader(buf, 0, buf.length);
  let from = 0;
  while (reader.next()) {
    const { field, fieldStart } = reader;
    reader.skip();
    if (field !== 2 && field !== 9 && field !== 10) continue;
    out.raw(buf, from, fieldStart);
    from = reader.pos;
  }
  out.raw(buf, from, buf.length);
  for (let row = 0; row < rows.table.count; row++) {
    writeSample(out, buf, index.samples, rows.firstSample[row], rows.values.subarray(row * types, (row + 1) * types));
  }
  const known = beforeNanos > 0n && timeNanos >= beforeNanos;
  out.tag(9, VARINT);
  out.varint64(known ? beforeNanos : timeNanos);
  out.tag(10, VARINT);
  out.varint64(known ? timeNanos - beforeNanos : index.durationNanos);
  return out.finish();
}

function writeSample(out: Writer, buf: Buffer, samples: Ranges, sample: number, values: BigInt64Array): void {
  if (values.every((value) => value === 0n)) return;
  const reader = new Reader(buf, samples.data[2 * sample], samples.data[2 * sample + 1]);
  out.tag(2, LEN);
  const start = out.pos;
  out.varint(0);
  while (reader.next()) {
    const { field, fieldStart } = reader;
    reader.skip();
    if (field !== 2) out.raw(buf, fieldStart, reader.pos);
  }
  out.tag(2, LEN);
  const list = out.pos;
  out.varint(0);
  for (const value of values) out.varint64(value);
  out.closeLength(list);
  out.closeLength(start);
}
