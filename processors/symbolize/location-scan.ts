import type { Dictionary } from "../../src/pdata/dictionary.js";
import { LOCATION, STACK } from "../../src/pdata/tables.js";
import { Reader } from "../../src/proto/wire.js";

/** Which locations of a batch have no lines: 1 by index. Made once per batch, from the bytes. */
export interface LocationScan {
  readonly isUnnamed: Uint8Array;
  /** How many of them there are. */
  unnamedCount: number;
}

export function scanLocations(dictionary: Dictionary): LocationScan {
  const isUnnamed = new Uint8Array(dictionary.count(LOCATION));
  let unnamedCount = 0;
  for (let index = 1; index < isUnnamed.length; index++) {
    dictionary.locate(LOCATION, index);
    if (!isWithoutLines(dictionary.atBuf, dictionary.atStart, dictionary.atEnd)) continue;
    isUnnamed[index] = 1;
    unnamedCount++;
  }
  return { isUnnamed, unnamedCount };
}

/** Tags of a Location's fields as they are usually written. */
const MAPPING_INDEX = 0x08;
const ADDRESS = 0x10;
const LINES = 0x1a;

/** Whether a Location has no field 3; an empty one counts as named. Read by hand: most of a batch are locations. */
function isWithoutLines(buf: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const tag = buf[at++];
    if (tag === LINES) return false;
    if (tag !== MAPPING_INDEX && tag !== ADDRESS) return isWithoutLinesSlow(buf, at - 1, end);
    while (at < end && buf[at] >= 0x80) at++;
    at++;
  }
  return start < end;
}

function isWithoutLinesSlow(buf: Buffer, start: number, end: number): boolean {
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field === 3) return false;
    reader.skip();
  }
  return true;
}

/** Frames by stack. */
export interface StackFrames {
  readonly all: Int32Array;
  readonly unnamed: Int32Array;
}

export function countFrames(dictionary: Dictionary, { isUnnamed, unnamedCount }: LocationScan): StackFrames {
  const stacks = dictionary.count(STACK);
  const all = new Int32Array(stacks);
  const unnamed = new Int32Array(stacks);
  const reader = Reader.idle();
  for (let index = 0; index < stacks; index++) {
    dictionary.locate(STACK, index);
    const { atBuf } = dictionary;
    reader.reset(atBuf, dictionary.atStart, dictionary.atEnd);
    while (reader.next()) {
      if (reader.field !== 1) {
        reader.skip();
        continue;
      }
      const length = reader.length();
      const end = reader.pos + length;
      if (unnamedCount === 0) {
        all[index] += varintCount(atBuf, reader.pos, end);
        reader.pos = end;
        continue;
      }
      while (reader.pos < end) {
        all[index]++;
        unnamed[index] += isUnnamed[reader.int32()];
      }
    }
  }
  return { all, unnamed };
}

/** A varint ends with the byte that is below 128. */
function varintCount(buf: Buffer, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) if (buf[at] < 0x80) count++;
  return count;
}
