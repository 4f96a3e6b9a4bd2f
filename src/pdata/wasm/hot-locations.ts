import { firstRecord, RECORD_HEAD, top } from "./arena";
import { index, readIndex } from "./map-entries";
import { STACK } from "./numbers";
import { closeLength, copyField, putShort, putVarint, varintSize } from "./out";
import { openLength, readTag, skipField, spanEnd, tag } from "./primitives";

/**
 * Gives the locations that stacks name most often the indices that take one byte: stacks are a quarter of a merged
 * request, and this makes it 4 % smaller. Nothing but stacks refers to locations.
 */

/** Indices below this take one byte. */
const oneByte: u32 = 128;
/** Renumbering is worth its passes from this many bytes on. */
const worthBytes: u32 = 256;
/** Uses are counted apart up to this number. */
const mostUses: u32 = 4095;
const histogramBytes: usize = (usize(mostUses) + 1) << 2;

/** By location: the index that it gets, and the other way round; 0 where locations keep their indices. */
let moved: usize = 0;
/** By new index: the record of the location. */
let ordered: usize = 0;

/** Bytes that planMoves works with. */
export function moveBytes(locations: u32): u64 {
  return u64(histogramBytes) + 12 * u64(locations);
}

/** Decides which location changes places with which; it works at `work`. False where little would be won. */
export function planMoves(work: usize, locations: u32): bool {
  moved = 0;
  if (locations <= oneByte) return false;
  const bytes = usize(locations) << 2;
  const uses = work + histogramBytes;
  memory.fill(work, 0, histogramBytes + bytes);
  countUses(uses);
  const limit = threshold(work, uses, locations);
  const swap = uses + bytes;
  for (let i: u32 = 0; i < locations; i++) store<u32>(swap + (usize(i) << 2), i);
  let cold: u32 = 1;
  let won: u32 = 0;
  for (let hot = oneByte; hot < locations; hot++) {
    const hotUses = usesOf(uses, hot);
    if (hotUses <= limit) continue;
    while (cold < oneByte && usesOf(uses, cold) > limit) cold++;
    if (cold === oneByte) break;
    won += hotUses - usesOf(uses, cold);
    store<u32>(swap + (usize(hot) << 2), cold);
    store<u32>(swap + (usize(cold) << 2), hot);
    cold++;
  }
  if (won < worthBytes) return false;
  moved = swap;
  ordered = swap + bytes;
  return true;
}

function usesOf(uses: usize, location: u32): u32 {
  return load<u32>(uses + (usize(location) << 2));
}

/** How often each location is named. */
function countUses(uses: usize): void {
  for (let record = firstRecord; record < top; ) {
    const key = load<u32>(record + 4);
    let p = record + RECORD_HEAD;
    record = p + usize(key >>> 3);
    if ((key & 7) !== u32(STACK)) continue;
    while (p < record) {
      if (load<u8>(p) !== 0x0a) {
        p = readTag(p, record);
        p = skipField(p, record, tag & 7);
        continue;
      }
      p = openLength(p + 1, record);
      const stop = spanEnd;
      while (p < stop) {
        p = readIndex(p, stop);
        const at = uses + (usize(index) << 2);
        store<u32>(at, load<u32>(at) + 1);
      }
    }
  }
}

/** The smallest number of uses that less than `oneByte` locations exceed. */
function threshold(histogram: usize, uses: usize, locations: u32): u32 {
  for (let i: u32 = 1; i < locations; i++) {
    const count = usesOf(uses, i);
    const at = histogram + (usize(count < mostUses ? count : mostUses) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  let above: u32 = 0;
  for (let count = mostUses; count > 0; count--) {
    above += load<u32>(histogram + (usize(count) << 2));
    if (above >= oneByte) return count;
  }
  return 0;
}

/** Notes the record of a location for writing in the new order. */
export function placeLocation(record: usize): void {
  store<u32>(ordered + (usize(load<u32>(moved + (usize(load<u32>(record)) << 2))) << 2), u32(record));
}

/** The record of the location that gets this index. */
export function locationAt(newIndex: u32): usize {
  return usize(load<u32>(ordered + (usize(newIndex) << 2)));
}

/** Writes the content [p, end) of a stack with its locations' new indices. */
export function moveStack(out: usize, p: usize, end: usize): usize {
  while (p < end) {
    if (load<u8>(p) !== 0x0a) {
      const length = copyField(out, p, end);
      out += length;
      p += length;
      continue;
    }
    p = openLength(p + 1, end);
    const stop = spanEnd;
    const room = varintSize(u32(stop - p));
    store<u8>(out, 0x0a);
    const lengthAt = out + 1;
    out = lengthAt + room;
    while (p < stop) {
      p = readIndex(p, stop);
      const location = load<u32>(moved + (usize(index) << 2));
      if (location < 0x4000) out = putShort(out, location);
      else out = putVarint(out, location);
    }
    out = closeLength(lengthAt, room, out);
  }
  return out;
}
