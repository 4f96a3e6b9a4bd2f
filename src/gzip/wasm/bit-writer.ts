import { at } from "./list";

/* Bits are gathered in a word, whose whole bytes go out. */
export let word: u64 = 0;
export let held: u32 = 0;
export let out: usize = 0;

export function beginStream(to: usize): void {
  word = 0;
  held = 0;
  out = to;
}

/** Returns where the stream ends. */
export function endStream(): usize {
  alignToByte();
  return out;
}

export function put(bits: u32, count: u32): void {
  word |= u64(bits) << u64(held);
  held += count;
}

export function putCode(codes: usize, symbol: u32): void {
  const code = load<u32>(at(codes, symbol));
  put(code & 0xffff, code >>> 16);
}

export function flush(): void {
  store<u64>(out, word);
  out += usize(held >>> 3);
  word >>= u64(held & 56);
  held &= 7;
}

export function alignToByte(): void {
  held = (held + 7) & ~7;
  flush();
}

/** For who gathers bits in variables of its own: what it took from here, and has added to since. */
export function setBits(gathered: u64, count: u32, next: usize): void {
  word = gathered;
  held = count;
  out = next;
}
