import {
  COUNTS,
  DISTANCE_SYMBOLS,
  DISTANCE_TABLE,
  LENGTH_ORDER,
  LENGTH_SYMBOLS,
  LENGTH_TABLE,
  LENGTHS,
  LITERAL_SYMBOLS,
  LITERAL_TABLE,
  NEXT,
  SORTED,
} from "./layout";
import { at } from "./list";

/**
 * Huffman codes as tables. An entry is found by the next bits of the input, as many as the table is for:
 *
 *   literal   LITERAL, the byte from bit 16, the bits of its code in the low byte
 *   number    a length or a distance: its base from bit 16, the bits of its code from bit 8, those and the extra bits
 *             together in the low byte
 *   end       EXCEPTION, the bits of its code in the low byte
 *   pointer   EXCEPTION and POINTER, where the entries of a longer code begin from bit 16, by how many bits from bit 8
 *   nothing   EXCEPTION: there is no such code
 *
 * A shift takes the low six bits of its count, so an entry can be shifted by as it is.
 */
const LITERAL: u32 = 0x80000000;
export const EXCEPTION: u32 = 0x8000;
export const POINTER: u32 = 0x4000;

/** Bits by which the entries of a table are found directly. */
export const LITERAL_BITS: u32 = 11;
export const DISTANCE_BITS: u32 = 8;
export const LENGTH_BITS: u32 = 7;

const longestCode: u32 = 15;
/** Symbols that have a code but stand for nothing. */
const nothing: u32 = EXCEPTION | POINTER;

/** Writes what is the same for all files. */
export function writeConstants(): void {
  store<u32>(LENGTH_ORDER, 0x00_12_11_10);
  store<u32>(LENGTH_ORDER + 4, 0x06_09_07_08);
  store<u32>(LENGTH_ORDER + 8, 0x04_0b_05_0a);
  store<u32>(LENGTH_ORDER + 12, 0x02_0d_03_0c);
  store<u32>(LENGTH_ORDER + 16, 0x0f_01_0e);
  for (let symbol: u32 = 0; symbol < 19; symbol++) store<u32>(at(LENGTH_SYMBOLS, symbol), symbol << 16);
  for (let byte: u32 = 0; byte < 256; byte++) store<u32>(at(LITERAL_SYMBOLS, byte), LITERAL | (byte << 16));
  store<u32>(at(LITERAL_SYMBOLS, 256), EXCEPTION);
  let base: u32 = 3;
  for (let symbol: u32 = 257; symbol < 285; symbol++) {
    const extra: u32 = symbol < 265 ? 0 : (symbol - 261) >>> 2;
    store<u32>(at(LITERAL_SYMBOLS, symbol), (base << 16) | extra);
    base += 1 << extra;
  }
  store<u32>(at(LITERAL_SYMBOLS, 285), 258 << 16);
  store<u32>(at(LITERAL_SYMBOLS, 286), nothing);
  store<u32>(at(LITERAL_SYMBOLS, 287), nothing);
  base = 1;
  for (let symbol: u32 = 0; symbol < 30; symbol++) {
    const extra: u32 = symbol < 4 ? 0 : (symbol - 2) >>> 1;
    store<u32>(at(DISTANCE_SYMBOLS, symbol), (base << 16) | extra);
    base += 1 << extra;
  }
  store<u32>(at(DISTANCE_SYMBOLS, 30), nothing);
  store<u32>(at(DISTANCE_SYMBOLS, 31), nothing);
}

/** The code by which a block gives the lengths of its two others; the lengths of its codes are the first 19 of LENGTHS. */
export function buildLengthTable(): bool {
  return buildTable(LENGTH_TABLE, LENGTH_BITS, LENGTHS, 19, LENGTH_SYMBOLS);
}

export function buildLiteralTable(symbols: u32): bool {
  return buildTable(LITERAL_TABLE, LITERAL_BITS, LENGTHS, symbols, LITERAL_SYMBOLS);
}

/** The lengths of its codes stand behind `literals` others. */
export function buildDistanceTable(literals: u32, symbols: u32): bool {
  const lengths = usize(literals) + LENGTHS;
  if (buildTable(DISTANCE_TABLE, DISTANCE_BITS, lengths, symbols, DISTANCE_SYMBOLS)) return true;
  // Without matches there is no distance; with a single one its code has a bit, of which only 0 means something.
  if (longest > 1 || space > 1 << longestCode) return false;
  const entry = longest === 0 ? EXCEPTION : entryOf(DISTANCE_SYMBOLS, SORTED, 1);
  for (let i: u32 = 0; i < 1 << DISTANCE_BITS; i += 2) {
    store<u32>(at(DISTANCE_TABLE, i), entry);
    store<u32>(at(DISTANCE_TABLE, i + 1), EXCEPTION);
  }
  return true;
}

/** Bits of the longest code, and how much of all codes of 15 bits the code takes. */
let longest: u32 = 0;
let space: u32 = 0;

/** False where the lengths are not those of a complete code. */
function buildTable(table: usize, tableBits: u32, lengths: usize, symbols: u32, meanings: usize): bool {
  sortSymbols(lengths, symbols);
  if (space !== 1 << longestCode) return false;
  let sorted: usize = SORTED;
  let code: u32 = 0;
  // The entries for codes of so many bits stand there; with one bit more they stand there twice.
  let size: u32 = 1;
  for (let length: u32 = 1; length <= tableBits; length++) {
    memory.copy(at(table, size), table, usize(size) << 2);
    size <<= 1;
    for (let left = load<u32>(at(COUNTS, length)); left > 0; left--) {
      store<u32>(at(table, code), entryOf(meanings, sorted, length));
      sorted += 2;
      code = nextCode(code, length);
    }
  }
  if (longest > tableBits) buildLongCodes(table, tableBits, meanings, code, sorted);
  return true;
}

/** Counts codes by length, and writes the symbols in the order of their codes. */
function sortSymbols(lengths: usize, symbols: u32): void {
  memory.fill(COUNTS, 0, 64);
  for (let i: u32 = 0; i < symbols; i++) {
    const count = at(COUNTS, u32(load<u8>(lengths + usize(i))));
    store<u32>(count, load<u32>(count) + 1);
  }
  space = 0;
  longest = 0;
  let place: u32 = 0;
  for (let length: u32 = 1; length <= longestCode; length++) {
    const count = load<u32>(at(COUNTS, length));
    store<u32>(at(NEXT, length), place);
    place += count;
    space += count << (longestCode - length);
    if (count > 0) longest = length;
  }
  for (let i: u32 = 0; i < symbols; i++) {
    const length = u32(load<u8>(lengths + usize(i)));
    if (length === 0) continue;
    const next = at(NEXT, length);
    place = load<u32>(next);
    store<u32>(next, place + 1);
    store<u16>((usize(place) << 1) + SORTED, u16(i));
  }
}

/** The entries of codes that are longer than the table's bits, the first of which is `code`. */
function buildLongCodes(table: usize, tableBits: u32, meanings: usize, code: u32, sorted: usize): void {
  const mask: u32 = (1 << tableBits) - 1;
  let begun: u32 = -1;
  let start: u32 = 0;
  let end: u32 = 1 << tableBits;
  for (let length = tableBits + 1; length <= longest; length++) {
    for (let left = load<u32>(at(COUNTS, length)); left > 0; left--) {
      if ((code & mask) !== begun) {
        begun = code & mask;
        start = end;
        const bits = bitsOfList(tableBits, length, left);
        end = start + (1 << bits);
        store<u32>(at(table, begun), (start << 16) | EXCEPTION | POINTER | (bits << 8));
      }
      const entry = entryOf(meanings, sorted, length - tableBits);
      const step: u32 = 1 << (length - tableBits);
      for (let i = start + (code >>> tableBits); i < end; i += step) store<u32>(at(table, i), entry);
      sorted += 2;
      code = nextCode(code, length);
    }
  }
}

/** By how many bits the codes that begin alike are told apart, the first of which has `length`, with `left` of its length to come. */
function bitsOfList(tableBits: u32, length: u32, left: u32): u32 {
  let bits = length - tableBits;
  for (let filled = left; filled < 1 << bits; filled = (filled << 1) + load<u32>(at(COUNTS, tableBits + bits))) bits++;
  return bits;
}

/** The entry of the symbol at `sorted`, `length` bits of whose code are left. */
function entryOf(meanings: usize, sorted: usize, length: u32): u32 {
  const meaning = load<u32>(at(meanings, u32(load<u16>(sorted))));
  return meaning === nothing ? EXCEPTION : (meaning + length) | ((meaning & EXCEPTION) === 0 ? length << 8 : 0);
}

/** Codes are read from their last bit on: the one that follows, counted from there. */
function nextCode(code: u32, length: u32): u32 {
  const all: u32 = (1 << length) - 1;
  if (code === all) return code;
  const bit: u32 = 1 << (31 - clz(code ^ all));
  return (code & (bit - 1)) | bit;
}
