import { MATCH_SYMBOLS } from "./layout";

/** Literals, the end of a block and lengths; distances. */
export const literalSymbols: u32 = 286;
export const distanceSymbols: u32 = 30;

/** What is the same in all streams. */
export function writeMatchSymbols(): void {
  let length: usize = 0;
  for (let symbol: u32 = 0; symbol < 28; symbol++) {
    for (let left: u32 = 1 << extraOfLength(symbol); left > 0; left--) {
      store<u8>(length + MATCH_SYMBOLS, u8(symbol));
      length++;
    }
  }
  // 258 has a symbol of its own.
  store<u8>(MATCH_SYMBOLS + 255, 28);
}

/** Extra bits of the symbol of a length, counted from 257. */
export function extraOfLength(symbol: u32): u32 {
  return symbol < 8 || symbol === 28 ? 0 : (symbol - 4) >>> 2;
}

export function extraOfDistance(symbol: u32): u32 {
  return symbol < 4 ? 0 : (symbol - 2) >>> 1;
}

/** The symbol of a distance, less 1. */
export function distanceSymbol(distance: u32): u32 {
  if (distance < 4) return distance;
  const bits = 31 - clz(distance);
  return (bits << 1) + ((distance >>> (bits - 1)) & 1);
}
