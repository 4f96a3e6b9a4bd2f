/*
 * Varints of one or two bytes, seen in the word that begins with them. They may reach past the end of their message: that
 * is looked at behind its last one. Which of the two it is can't be foreseen, so it is computed, not branched on. Longer
 * ones are read by a call, for which reason the loops write both out: what calls isn't inlined.
 */
export function isShort(word: u32): bool {
  return (word & 0x8080) !== 0x8080;
}

export function shortValue(word: u32): u32 {
  return (word & 0x7f) | ((word >>> 1) & 0x3f80 & (0 - ((word >>> 7) & 1)));
}

export function shortSize(word: u32): usize {
  return usize((word >>> 7) & 1) + 1;
}

/** The lowest, and the highest, bit of each byte of a word. */
export const lowBits: u64 = (u64(0x01010101) << 32) | 0x01010101;
export const highBits: u64 = lowBits << 7;
