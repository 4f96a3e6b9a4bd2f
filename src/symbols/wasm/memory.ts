/** Makes the memory reach `end`; false where it can't. */
export function reach(end: u64): bool {
  const held = u64(memory.size()) << 16;
  return end <= held || (end <= 0xffff0000 && memory.grow(i32((end - held + 0xffff) >>> 16)) >= 0);
}

export function aligned(at: usize): usize {
  return (at + 7) & ~7;
}

/** Bytes that are brought from memory together. */
export const lineBytes: u64 = 64;

/** Written so that fetching has an effect. */
export let fetched: u32 = 0;

/** Has a byte brought from memory that is read soon. */
export function fetch(at: usize): void {
  fetched += load<u8>(at);
}
