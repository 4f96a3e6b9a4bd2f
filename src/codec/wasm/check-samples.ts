import { readVarint, varint } from "../../pdata/wasm/primitives";
import { findId } from "./ids";
import { CHECKED } from "./layout";
import { LOCATION, SAMPLE } from "./numbers";
import { entry, entryEnd, nextEntry, openTable, stringCount, strings } from "./parts";
import { highBits, isShort, lowBits, shortSize, shortValue } from "./short";

/** Longest list of a sample. */
const maxListBytes: u64 = 0x3fff;

export function areSamplesPlain(types: u32): bool {
  let labels: u32 = 0;
  openTable(SAMPLE);
  while (nextEntry()) {
    let p = entry;
    const end = entryEnd;
    let values: u32 = 0;
    while (p < end) {
      const head = load<u32>(p);
      const tag = head & 0xff;
      let value = u64(shortValue(head >>> 8));
      if (isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
      else {
        p = readVarint(p + 1, end);
        if (p === 0) return false;
        value = varint;
      }
      if (tag === 0x10) values++;
      else if (tag === 0x08) {
        if (findId(LOCATION, value) === 0) return false;
      } else {
        if (p > end || value > maxListBytes || value > u64(end - p)) return false;
        const stop = p + usize(value);
        if (tag === 0x0a) {
          if (!areLocationsKnown(p, stop)) return false;
        } else if (tag === 0x12) {
          const packed = countValues(p, stop);
          if (packed < 0) return false;
          values += u32(packed);
        } else if (tag !== 0x1a || !isLabelPlain(p, stop)) return false;
        else labels++;
        p = stop;
      }
    }
    if (p !== end || values !== types) return false;
  }
  store<u32>(CHECKED, labels);
  return true;
}

function areLocationsKnown(p: usize, end: usize): bool {
  while (p < end) {
    if (isDense) {
      p = skipDense(p, end);
      if (p >= end) break;
    }
    p = readVarint(p, end);
    if (p === 0 || findId(LOCATION, varint) === 0) return false;
  }
  return p === end;
}

/** True if the locations have the ids from 1 on, as encoders write them; then all ids are known but 0 and those past the last. */
let isDense: bool = false;
/** By what ids are past the last is seen in the sums: of ids of one byte, of second bytes. */
let pastOne: u64 = 0;
let pastTwo: u64 = 0;

export function openDense(locations: u32, dense: bool): void {
  isDense = dense && locations > 0;
  pastOne = u64(locations > 126 ? 0 : 127 - locations) * lowBits;
  pastTwo = u64(locations >= 0x4000 ? 0 : 128 - (locations >>> 7)) * lowBits;
}

/**
 * Passes over ids that are known, eight bytes at a time; those of more than two bytes, and the last 128, count as others.
 * Returns where the first id stands that isn't passed.
 */
function skipDense(p: usize, end: usize): usize {
  let carried: u64 = 0;
  while (p < end) {
    let word = load<u64>(p);
    let behind: u64 = 0;
    if (end - p < 8) {
      const bits = u64(end - p) << 3;
      word = (word & ((u64(1) << bits) - 1)) | (lowBits << bits);
      behind = highBits << bits;
    }
    const firsts = word & highBits;
    const seconds = (firsts << 8) | carried;
    const bits = word & ~highBits;
    const others =
      ((firsts | behind) & seconds) |
      ((word - lowBits) & ~word & highBits) |
      ((bits + pastTwo) & seconds) |
      ((bits + pastOne) & highBits & ~(firsts | seconds));
    if (others !== 0) return p - usize(carried >>> 7);
    carried = firsts >>> 56;
    p += 8;
  }
  return carried !== 0 ? end - 1 : end;
}

/** Varints in [p, end), none of them past nine bytes; -1 for others. */
function countValues(p: usize, end: usize): i32 {
  let values = 0;
  let start = p;
  while (p < end) {
    if (load<u8>(p++) > 0x7f) continue;
    if (p - start > 9) return -1;
    start = p;
    values++;
  }
  return start === end ? values : -1;
}

function isLabelPlain(p: usize, end: usize): bool {
  let key: usize = 0;
  while (p < end) {
    const tag = u32(load<u8>(p));
    p = readVarint(p + 1, end);
    if (p === 0) return false;
    if (tag === 0x18) continue;
    if ((tag !== 0x08 && tag !== 0x10 && tag !== 0x20) || varint >= u64(stringCount)) return false;
    if (tag === 0x08) key = usize(varint);
  }
  const at = strings + (key << 3);
  return p === end && load<u32>(at) !== load<u32>(at + 4);
}
