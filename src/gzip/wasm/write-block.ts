import { alignToByte, flush, held, out, put, putCode, setBits, word } from "./bit-writer";
import { gatherLengths, sizeOfLengths, writeLengths } from "./code-lengths";
import { chooseBits, writeCodes } from "./huffman";
import {
  DISTANCE_CODES,
  DISTANCE_USES,
  DISTANCE_WIDTHS,
  LITERAL_CODES,
  LITERAL_USES,
  LITERAL_WIDTHS,
  MATCH_CODES,
  MATCH_SYMBOLS,
  MATCHES,
} from "./layout";
import { at } from "./list";
import { distanceSymbol, distanceSymbols, extraOfDistance, extraOfLength, literalSymbols } from "./symbols";

/** Four literals of so many bits go into a word with what a byte has left open. */
const maxLiteralBits: u32 = 14;
const maxDistanceBits: u32 = 15;
const endOfBlock: u32 = 256;

const stored: u32 = 0;
const fixed: u32 = 1;
const dynamic: u32 = 2;

/** Writes the block of the bytes [from, to), whose matches stand in MATCHES, in the form that is shortest. */
export function writeBlock(from: usize, to: usize, lastMatch: usize, isLast: bool): void {
  store<u32>(LITERAL_USES + 4 * endOfBlock, 1);
  chooseBits(LITERAL_USES, literalSymbols, maxLiteralBits, LITERAL_WIDTHS);
  chooseBits(DISTANCE_USES, distanceSymbols, maxDistanceBits, DISTANCE_WIDTHS);
  const given = gatherLengths();
  const type = shortestForm(to - from, given);
  put(u32(isLast) | (type << 1), 3);
  if (type === stored) {
    writeStored(from, to);
    return;
  }
  if (type === fixed) setFixedBits();
  else writeLengths(given);
  writeCodes(LITERAL_WIDTHS, type === fixed ? 288 : literalSymbols, LITERAL_CODES);
  writeCodes(DISTANCE_WIDTHS, distanceSymbols, DISTANCE_CODES);
  writeMatchCodes();
  flush();
  writeSymbols(from, to, lastMatch);
}

/** Bits of what the symbols take, with their extra bits. */
function sizeOfSymbols(isFixed: bool): u32 {
  let size: u32 = 0;
  for (let symbol: u32 = 0; symbol < literalSymbols; symbol++) {
    const width = isFixed ? fixedBits(symbol) : u32(load<u8>(usize(symbol) + LITERAL_WIDTHS));
    const bits = width + (symbol > endOfBlock ? extraOfLength(symbol - 257) : 0);
    size += load<u32>(at(LITERAL_USES, symbol)) * bits;
  }
  for (let symbol: u32 = 0; symbol < distanceSymbols; symbol++) {
    const width = isFixed ? 5 : u32(load<u8>(usize(symbol) + DISTANCE_WIDTHS));
    size += load<u32>(at(DISTANCE_USES, symbol)) * (width + extraOfDistance(symbol));
  }
  return size;
}

function fixedBits(symbol: u32): u32 {
  if (symbol < 144) return 8;
  if (symbol < 256) return 9;
  return symbol < 280 ? 7 : 8;
}

function setFixedBits(): void {
  for (let symbol: u32 = 0; symbol < 288; symbol++) store<u8>(usize(symbol) + LITERAL_WIDTHS, u8(fixedBits(symbol)));
  memory.fill(DISTANCE_WIDTHS, 5, usize(distanceSymbols));
}

function shortestForm(bytes: usize, given: u32): u32 {
  const ofFixed = sizeOfSymbols(true);
  const ofDynamic = sizeOfLengths(given) + sizeOfSymbols(false);
  // Up to seven bits are lost before the length of what is stored.
  if (u32(bytes) * 8 + 39 <= min(ofFixed, ofDynamic)) return stored;
  return ofFixed <= ofDynamic ? fixed : dynamic;
}

function writeStored(from: usize, to: usize): void {
  alignToByte();
  const length = u32(to - from);
  put(length | (~length << 16), 32);
  flush();
  memory.copy(out, from, to - from);
  setBits(0, 0, out + to - from);
}

function writeMatchCodes(): void {
  let before: u32 = -1;
  let extra: u32 = 0;
  for (let length: u32 = 0; length < 256; length++) {
    const symbol = u32(load<u8>(usize(length) + MATCH_SYMBOLS));
    extra = symbol === before ? extra + 1 : 0;
    before = symbol;
    const code = load<u32>(at(LITERAL_CODES, symbol + 257));
    const width = code >>> 16;
    const bits = (code & 0xffff) | (extra << width);
    store<u32>(at(MATCH_CODES, length), bits | ((width + extraOfLength(symbol)) << 24));
  }
}

/** Takes nearly all the time of writing: the word stands in locals here. */
function writeSymbols(from: usize, to: usize, lastMatch: usize): void {
  flush();
  let bits = word;
  let count = held;
  let next = out;
  for (let match: usize = MATCHES; ; match += 8) {
    const stop = match === lastMatch ? to : from + usize(load<u32>(match));
    for (; from + 4 <= stop; from += 4) {
      for (let i: usize = 0; i < 4; i++) {
        const code = load<u32>((usize(load<u8>(from + i)) << 2) + LITERAL_CODES);
        bits |= u64(code & 0xffff) << u64(count);
        count += code >>> 16;
      }
      store<u64>(next, bits);
      next += usize(count >>> 3);
      bits >>= u64(count & 56);
      count &= 7;
    }
    for (; from < stop; from++) {
      const code = load<u32>((usize(load<u8>(from)) << 2) + LITERAL_CODES);
      bits |= u64(code & 0xffff) << u64(count);
      count += code >>> 16;
    }
    store<u64>(next, bits);
    next += usize(count >>> 3);
    bits >>= u64(count & 56);
    count &= 7;
    if (match === lastMatch) break;
    const packed = load<u32>(match, 4);
    const length = usize(packed >>> 16);
    const distance = packed & 0xffff;
    const entry = load<u32>(((length - 3) << 2) + MATCH_CODES);
    bits |= u64(entry & 0xff_ffff) << u64(count);
    count += entry >>> 24;
    const symbol = distanceSymbol(distance);
    const code = load<u32>(at(DISTANCE_CODES, symbol));
    bits |= u64(code & 0xffff) << u64(count);
    count += code >>> 16;
    const extra = extraOfDistance(symbol);
    bits |= u64(distance & ((1 << extra) - 1)) << u64(count);
    count += extra;
    store<u64>(next, bits);
    next += usize(count >>> 3);
    bits >>= u64(count & 56);
    count &= 7;
    from += length;
  }
  setBits(bits, count, next);
  putCode(LITERAL_CODES, endOfBlock);
  flush();
}
