import {
  buildDistanceTable,
  buildLengthTable,
  buildLiteralTable,
  DISTANCE_BITS,
  EXCEPTION,
  LENGTH_BITS,
  LITERAL_BITS,
  POINTER,
} from "./codes";
import { DISTANCE_TABLE, LENGTH_ORDER, LENGTH_TABLE, LENGTHS, LITERAL_TABLE } from "./layout";

/*
 * Bits are read from a word that is filled up to 56 bits or more at a time. `next` is the byte that the word is filled up
 * from, `held` counts the bits that it has; above them the word may hold bits of the input already, which are read again.
 */
let word: u64 = 0;
let held: u32 = 0;
let next: usize = 0;

/** How far `next` may be past the input when nothing has been read there. */
const ahead: usize = 8;

function fill(): void {
  word |= load<u64>(next) << u64(held);
  next += usize(7 - (held >>> 3));
  held |= 56;
}

function take(bits: u32): u32 {
  const value = u32(word) & ((1 << bits) - 1);
  word >>= u64(bits);
  held -= bits;
  return value;
}

/**
 * Inflates the deflate stream in [start, end) to [to, limit). True if it is good and fills both exactly; false says nothing
 * about what is wrong. SPARE bytes may be read behind `end`, and written behind `limit`.
 */
export function inflate(start: usize, end: usize, to: usize, limit: usize): bool {
  word = 0;
  held = 0;
  next = start;
  let out = to;
  for (let isLast = false; !isLast; ) {
    if (next > end + ahead) return false;
    fill();
    isLast = take(1) !== 0;
    const type = take(2);
    if (type === 0) out = copyStored(end, out, limit);
    else if (type === 1 && (word & 0x7f) === 0) {
      // Nothing in it, as Go's compressor ends a stream: not worth a table.
      take(7);
    } else out = readCodes(type, end) ? readBlock(end, to, out, limit) : 0;
    if (out === 0) return false;
  }
  return next - usize(held >>> 3) === end && out === limit;
}

/** Each block returns where the output ends, or 0. */
function copyStored(end: usize, out: usize, limit: usize): usize {
  next -= usize(held >>> 3);
  word = 0;
  held = 0;
  if (next + 4 > end) return 0;
  const length = load<u16>(next);
  if ((length ^ load<u16>(next + 2)) !== 0xffff) return 0;
  next += 4;
  if (usize(length) > end - next || usize(length) > limit - out) return 0;
  memory.copy(out, next, usize(length));
  next += usize(length);
  return out + usize(length);
}

function readCodes(type: u32, end: usize): bool {
  if (type === 2) return readGivenCodes(end);
  return type === 1 && readFixedCodes();
}

function readFixedCodes(): bool {
  memory.fill(LENGTHS, 8, 144);
  memory.fill(LENGTHS + 144, 9, 112);
  memory.fill(LENGTHS + 256, 7, 24);
  memory.fill(LENGTHS + 280, 8, 8);
  memory.fill(LENGTHS + 288, 5, 32);
  return buildLiteralTable(288) && buildDistanceTable(288, 32);
}

function readGivenCodes(end: usize): bool {
  const literals = take(5) + 257;
  const distances = take(5) + 1;
  const given = take(4) + 4;
  if (literals > 286 || distances > 30) return false;
  memory.fill(LENGTHS, 0, 19);
  for (let i: u32 = 0; i < given; i++) {
    if (held < 3) fill();
    store<u8>(usize(load<u8>(usize(i) + LENGTH_ORDER)) + LENGTHS, u8(take(3)));
  }
  if (!buildLengthTable() || !readLengths(literals + distances, end)) return false;
  // A block without an end is none.
  return load<u8>(LENGTHS + 256) !== 0 && buildLiteralTable(literals) && buildDistanceTable(literals, distances);
}

function readLengths(count: u32, end: usize): bool {
  for (let i: u32 = 0; i < count; ) {
    if (next > end + ahead) return false;
    fill();
    const entry = load<u32>(((usize(word) & ((1 << LENGTH_BITS) - 1)) << 2) + LENGTH_TABLE);
    take(entry & 0xff);
    const symbol = entry >>> 16;
    if (symbol < 16) {
      store<u8>(usize(i++) + LENGTHS, u8(symbol));
      continue;
    }
    if (symbol === 16 && i === 0) return false;
    const repeated: u8 = symbol === 16 ? load<u8>(usize(i) + LENGTHS - 1) : 0;
    const times = symbol === 16 ? 3 + take(2) : symbol === 17 ? 3 + take(3) : 11 + take(7);
    if (i + times > count) return false;
    memory.fill(usize(i) + LENGTHS, repeated, usize(times));
    i += times;
  }
  return true;
}

function literalEntry(bits: u64): u32 {
  return load<u32>(((usize(bits) & ((1 << LITERAL_BITS) - 1)) << 2) + LITERAL_TABLE);
}

function distanceEntry(bits: u64): u32 {
  return load<u32>(((usize(bits) & ((1 << DISTANCE_BITS) - 1)) << 2) + DISTANCE_TABLE);
}

/** Where the entry of a longer code stands, counted in entries, behind the bits by which the pointer was found. */
function indexBehind(pointer: u32, bits: u64): usize {
  return (usize(pointer >>> 16) + (usize(bits) & ((1 << ((pointer >>> 8) & 15)) - 1))) << 2;
}

/** The number that an entry and the extra bits behind its code mean. */
function numberOf(entry: u32, bits: u64): usize {
  return usize(entry >>> 16) + (usize(bits & ((u64(1) << u64(entry)) - 1)) >>> ((entry >>> 8) & 15));
}

/**
 * Reads a block of codes. The word is kept in locals here, of whose `count` only the low six bits are good: this loop takes
 * nearly all the time of inflating.
 *
 * Of 56 bits four literals (11 each) leave enough for the next entry to be found, so that the word can be filled meanwhile;
 * a length (20) and a distance (28) take less than that.
 */
function readBlock(end: usize, to: usize, out: usize, limit: usize): usize {
  let bits = word;
  let count = held;
  let from = next;
  bits |= load<u64>(from) << u64(count);
  from += usize(7 - ((count >>> 3) & 7));
  count |= 56;
  let entry = literalEntry(bits);
  while (from <= end + ahead && out <= limit) {
    if (i32(entry) < 0) {
      bits >>= u64(entry);
      count -= entry;
      store<u8>(out, u8(entry >>> 16));
      entry = literalEntry(bits);
      if (i32(entry) < 0) {
        bits >>= u64(entry);
        count -= entry;
        store<u8>(out, u8(entry >>> 16), 1);
        entry = literalEntry(bits);
        if (i32(entry) < 0) {
          bits >>= u64(entry);
          count -= entry;
          store<u8>(out, u8(entry >>> 16), 2);
          entry = literalEntry(bits);
          if (i32(entry) < 0) {
            bits >>= u64(entry);
            count -= entry;
            store<u8>(out, u8(entry >>> 16), 3);
            out += 4;
            entry = literalEntry(bits);
            bits |= load<u64>(from) << u64(count);
            from += usize(7 - ((count >>> 3) & 7));
            count |= 56;
            continue;
          }
          out += 3;
        } else out += 2;
      } else out++;
      bits |= load<u64>(from) << u64(count);
      from += usize(7 - ((count >>> 3) & 7));
      count |= 56;
    }
    if ((entry & EXCEPTION) !== 0) {
      if ((entry & POINTER) !== 0) {
        bits >>= u64(LITERAL_BITS);
        count -= LITERAL_BITS;
        entry = load<u32>(indexBehind(entry, bits) + LITERAL_TABLE);
      }
      if ((entry & EXCEPTION) !== 0) {
        if ((entry & 0xff) === 0) return 0;
        word = bits >> u64(entry);
        held = (count - entry) & 63;
        next = from;
        return from - usize(held >>> 3) > end ? 0 : out;
      }
    }
    if (i32(entry) < 0) {
      bits >>= u64(entry);
      count -= entry;
      store<u8>(out++, u8(entry >>> 16));
      entry = literalEntry(bits);
      bits |= load<u64>(from) << u64(count);
      from += usize(7 - ((count >>> 3) & 7));
      count |= 56;
      continue;
    }
    const length = numberOf(entry, bits);
    bits >>= u64(entry);
    count -= entry;
    entry = distanceEntry(bits);
    if ((entry & EXCEPTION) !== 0) {
      if ((entry & POINTER) === 0) return 0;
      bits >>= u64(DISTANCE_BITS);
      count -= DISTANCE_BITS;
      entry = load<u32>(indexBehind(entry, bits) + DISTANCE_TABLE);
      if ((entry & EXCEPTION) !== 0) return 0;
    }
    const distance = numberOf(entry, bits);
    if (distance > out - to) return 0;
    bits >>= u64(entry);
    count -= entry;
    bits |= load<u64>(from) << u64(count);
    from += usize(7 - ((count >>> 3) & 7));
    count |= 56;
    entry = literalEntry(bits);
    copyMatch(out, distance, length);
    out += length;
  }
  return 0;
}

/** Copies from `distance` before `out`, by words where they don't overlap; up to 15 bytes more are written. */
function copyMatch(out: usize, distance: usize, length: usize): void {
  let source = out - distance;
  const stop = out + length;
  if (distance >= 8) {
    store<u64>(out, load<u64>(source));
    store<u64>(out, load<u64>(source, 8), 8);
    for (out += 16, source += 16; out < stop; out += 8, source += 8) store<u64>(out, load<u64>(source));
  } else if (distance === 1) {
    const four = u64(load<u8>(source)) * 0x01_01_01_01;
    const eight = four | (four << 32);
    for (; out < stop; out += 8) store<u64>(out, eight);
  } else {
    for (; out < stop; out++, source++) store<u8>(out, load<u8>(source));
  }
}
