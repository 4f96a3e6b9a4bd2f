import { flush, held, put, putCode } from "./bit-writer";
import { chooseBits, writeCodes } from "./huffman";
import {
  DISTANCE_WIDTHS,
  GIVEN_LENGTHS,
  LENGTH_CODES,
  LENGTH_ORDER,
  LENGTH_USES,
  LENGTH_WIDTHS,
  LENGTHS,
  LITERAL_WIDTHS,
} from "./layout";
import { at } from "./list";
import { distanceSymbols, literalSymbols } from "./symbols";

const maxLengthBits: u32 = 7;

/** Symbols with codes, of literals and lengths, and of distances; and how many lengths of the code for these lengths are given. */
let literals: u32 = 0;
let distances: u32 = 0;
let lengthCodes: u32 = 0;

/** Writes to GIVEN_LENGTHS how the block will say the lengths of its codes; returns how many symbols that takes. */
export function gatherLengths(): u32 {
  literals = usedOf(LITERAL_WIDTHS, literalSymbols, 257);
  distances = usedOf(DISTANCE_WIDTHS, distanceSymbols, 1);
  memory.copy(LENGTHS, LITERAL_WIDTHS, usize(literals));
  memory.copy(usize(literals) + LENGTHS, DISTANCE_WIDTHS, usize(distances));
  memory.fill(LENGTH_USES, 0, 4 * 19);
  const end = usize(literals + distances) + LENGTHS;
  let given: u32 = 0;
  for (let next: usize = LENGTHS; next < end; ) {
    const length = u32(load<u8>(next));
    let run: u32 = 1;
    while (next + usize(run) < end && u32(load<u8>(next + usize(run))) === length) run++;
    next += usize(run);
    if (length !== 0) {
      give(given++, length, 0);
      run--;
    }
    while (run >= 3) {
      const most = min(run, length === 0 ? 138 : 6);
      if (length !== 0) give(given++, 16, most - 3);
      else if (most < 11) give(given++, 17, most - 3);
      else give(given++, 18, most - 11);
      run -= most;
    }
    for (; run > 0; run--) give(given++, length, 0);
  }
  chooseBits(LENGTH_USES, 19, maxLengthBits, LENGTH_WIDTHS);
  lengthCodes = 19;
  while (lengthCodes > 4 && lengthBitsAt(lengthCodes - 1) === 0) lengthCodes--;
  return given;
}

function usedOf(bits: usize, symbols: u32, least: u32): u32 {
  while (symbols > least && load<u8>(bits + usize(symbols) - 1) === 0) symbols--;
  return symbols;
}

function give(place: u32, symbol: u32, more: u32): void {
  store<u16>((usize(place) << 1) + GIVEN_LENGTHS, u16(symbol | (more << 8)));
  const uses = at(LENGTH_USES, symbol);
  store<u32>(uses, load<u32>(uses) + 1);
}

function lengthBitsAt(place: u32): u32 {
  return u32(load<u8>(usize(load<u8>(usize(place) + LENGTH_ORDER)) + LENGTH_WIDTHS));
}

function extraOfGiven(symbol: u32): u32 {
  if (symbol < 16) return 0;
  return symbol === 16 ? 2 : symbol === 17 ? 3 : 7;
}

export function sizeOfLengths(given: u32): u32 {
  let size: u32 = 14 + 3 * lengthCodes;
  for (let i: u32 = 0; i < given; i++) {
    const symbol = u32(load<u8>((usize(i) << 1) + GIVEN_LENGTHS));
    size += u32(load<u8>(usize(symbol) + LENGTH_WIDTHS)) + extraOfGiven(symbol);
  }
  return size;
}

export function writeLengths(given: u32): void {
  put((literals - 257) | ((distances - 1) << 5) | ((lengthCodes - 4) << 10), 14);
  flush();
  for (let place: u32 = 0; place < lengthCodes; place++) {
    put(lengthBitsAt(place), 3);
    if (held > 48) flush();
  }
  writeCodes(LENGTH_WIDTHS, 19, LENGTH_CODES);
  for (let i: u32 = 0; i < given; i++) {
    const entry = u32(load<u16>((usize(i) << 1) + GIVEN_LENGTHS));
    const symbol = entry & 0xff;
    flush();
    putCode(LENGTH_CODES, symbol);
    put(entry >>> 8, extraOfGiven(symbol));
  }
}
