import { LEN, Reader } from "../proto/wire.js";
import { IntListTable } from "./int-list-table.js";

/**
 * One profile's samples as columns. Row i has stack[i], attribute set attrSets[attrSet[i]] (attribute_table indices as
 * sent), link[i], values[valueStart[i] .. valueStart[i+1]) and timestamps[timestampStart[i] .. timestampStart[i+1]).
 * All 64-bit numbers are exact.
 */
export interface SampleColumns {
  readonly length: number;
  readonly stack: Int32Array;
  readonly attrSet: Int32Array;
  readonly attrSets: readonly Int32Array[];
  readonly link: Int32Array;
  readonly valueStart: Int32Array;
  readonly values: BigInt64Array;
  readonly timestampStart: Int32Array;
  readonly timestamps: BigUint64Array;
}

/** Decodes the samples of the Profile message in [start, end). */
export function decodeColumns(buf: Buffer, start: number, end: number): SampleColumns {
  const length = countSamples(buf, start, end);
  const stack = new Int32Array(length);
  const attrSet = new Int32Array(length);
  const link = new Int32Array(length);
  const valueStart = new Int32Array(length + 1);
  const timestampStart = new Int32Array(length + 1);
  const values = new Int64List(length);
  const sets = new IntListTable();
  const timestampAt: number[] = [];
  let timestamps = 0;
  let row = 0;
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip();
      continue;
    }
    const sample = reader.message();
    let set = -1;
    while (sample.next()) {
      switch (sample.field) {
        case 1:
          stack[row] = sample.int32();
          break;
        case 2:
          set = sets.add(sample.message());
          break;
        case 3:
          link[row] = sample.int32();
          break;
        case 4: {
          const list = sample.message();
          while (list.pos < list.end) values.push(list);
          break;
        }
        case 5: {
          const bytes = sample.length();
          timestampAt.push(row, sample.pos, bytes >>> 3);
          timestamps += bytes >>> 3;
          sample.pos += bytes;
          break;
        }
        default:
          sample.skip();
      }
    }
    attrSet[row] = set < 0 ? sets.addEmpty() : set;
    row++;
    valueStart[row] = values.length;
    timestampStart[row] = timestamps;
  }
  return {
    length,
    stack,
    attrSet,
    attrSets: sets.lists(),
    link,
    valueStart,
    values: values.finish(),
    timestampStart,
    timestamps: readTimestamps(buf, timestampAt, timestamps),
  };
}

/** Which half of a 64-bit array's element, seen as two Int32s, is the low one. */
const lowHalf = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;

/** 64-bit numbers as they are read: no bigint is made. */
class Int64List {
  length = 0;
  private halves: Int32Array;

  constructor(expected: number) {
    this.halves = new Int32Array(2 * expected);
  }

  /** Appends the varint at which the reader stands. */
  push(reader: Reader): void {
    if (2 * this.length === this.halves.length) {
      const larger = new Int32Array(4 * this.length + 16);
      larger.set(this.halves);
      this.halves = larger;
    }
    const at = 2 * this.length++;
    const high = reader.skipVarintHigh();
    this.halves[at + lowHalf] = reader.low;
    this.halves[at + 1 - lowHalf] = high;
  }

  finish(): BigInt64Array {
    return new BigInt64Array(this.halves.buffer, 0, this.length);
  }
}

function readTimestamps(buf: Buffer, at: readonly number[], total: number): BigUint64Array {
  const out = new BigUint64Array(total);
  const bytes = new Uint8Array(out.buffer);
  let pos = 0;
  for (let i = 0; i < at.length; i += 3) {
    const length = at[i + 2] * 8;
    bytes.set(buf.subarray(at[i + 1], at[i + 1] + length), pos);
    pos += length;
  }
  return out;
}

/** stack_table indices of the samples of the Profile message in [start, end), in their order. */
export function decodeStacks(buf: Buffer, start: number, end: number): Int32Array {
  const stacks = new Int32Array(countSamples(buf, start, end));
  let row = 0;
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip();
      continue;
    }
    const length = reader.length();
    stacks[row++] = stackOf(reader, reader.pos + length);
  }
  return stacks;
}

/** The stack of the sample that the reader is in; no reader is made for it. */
function stackOf(reader: Reader, end: number): number {
  let stack = 0;
  while (reader.pos < end && reader.next()) {
    if (reader.field === 1) stack = reader.int32();
    else reader.skip();
  }
  return stack;
}

/** Sample messages of the Profile message in [start, end). */
export function countSamples(buf: Buffer, start: number, end: number): number {
  const reader = new Reader(buf, start, end);
  let count = 0;
  while (reader.next()) {
    if (reader.field === 2 && reader.wireType === LEN) count++;
    reader.skip();
  }
  return count;
}
