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

/**
 * Takes `bytes`, aligned to eight, for what is no record: who goes through the records passes over them. 0 where the memory
 * can't be had.
 */
export function takeGap(bytes: u64): usize {
  const start = (top + GAP_HEAD + 7) & ~7;
  if (!reserve(u64(start - top) + bytes)) return 0;
  store<u32>(top, 0);
  store<u32>(top + 4, 0);
  lastGap = top;
  endGap(start + usize(bytes));
  return start;
}

/** Bytes before a gap's content: the head of a record without a key, and where the next record begins. */
const GAP_HEAD: usize = 12;
let lastGap: usize = 0;

/** Gives back what is not used of the gap that was taken last. */
export function endGap(end: usize): void {
  store<u32>(lastGap + 8, u32(end));
  top = end;
}

/** The record behind this one, gaps included. */
export function nextRecord(record: usize): usize {
  const key = load<u32>(record + 4);
  return key === 0 ? usize(load<u32>(record + 8)) : record + RECORD_HEAD + usize(key >>> 3);
}

/** Makes room for `bytes` behind `top`, and for what is read besides; false where the memory can't be had. */
export function reserve(bytes: u64): bool {
  const end = u64(top) + bytes + headroom;
  const held = u64(memory.size()) << 16;
  if (end <= held) return true;
  // In large steps: whoever sees the memory has to find it anew after each.
  return reach(end + (held >>> 1)) || reach(end);
}

/** Bytes that may be read or overwritten behind what was asked for. */
const headroom: u64 = 64;

/** Makes the memory reach `end`; false where it can't. */
export function reach(end: u64): bool {
  const held = u64(memory.size()) << 16;
  return end <= held || (end <= 0xffff0000 && memory.grow(i32((end - held + 0xffff) >>> 16)) >= 0);
}
