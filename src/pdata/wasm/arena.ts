/**
 * Where a build puts what it keeps: records one behind the other, each with its index, its length and its table, and then
 * its content. What is no entry of a table (a profile, the hash table) is a record of table 0. Nothing is given back
 * before the next build begins.
 */

/** Bytes before a record's content: index and key. */
export const RECORD_HEAD: usize = 8;

export let firstRecord: usize = 0;
/** Where the next record will stand. */
export let top: usize = 0;

export function openArena(at: usize): void {
  firstRecord = at;
  top = at;
}

/** Length and table of a record as one number; equal entries have equal keys. */
export function keyOf(table: u32, length: u32): u32 {
  return (length << 3) | table;
}

/** Takes what stands behind `top`, the head included, as a record; returns where its content begins. There is room for it. */
export function take(index: u32, key: u32): usize {
  const content = top + RECORD_HEAD;
  store<u32>(top, index);
  store<u32>(top + 4, key);
  top = content + usize(key >>> 3);
  return content;
}

/** Makes the memory reach `end`; false where it can't. */
export function reach(end: u64): bool {
  const held = u64(memory.size()) << 16;
  return end <= held || (end <= 0xffff0000 && memory.grow(i32((end - held + 0xffff) >>> 16)) >= 0);
}
