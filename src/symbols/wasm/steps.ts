import { TABLE } from "./layout";
import { quantum, size } from "./table";

/** Most steps of a table that are read at once: one that is longer is broken, or of a function of megabytes. */
const maxSteps: u32 = 1024 * 1024;
const maxPc: u64 = 0x7fffffff;
/** Two varints of 32 bits. */
const longestStep: u64 = 10;

/*
 * A table by pc is pairs of varints: how the value changes, from -1 on, and for how long it holds. This is where a walk
 * through one has come to: the value that holds up to a pc, and the place of the next step; 0 where the table has ended.
 */
let pc: u64 = 0;
export let value: i32 = -1;
export let next: u64 = 0;
/** Steps that were read of all tables. */
export let read: u64 = 0;
/** Where the varint ends that was read last. */
let end: u64 = 0;

/** Walks from the begin of the table at `start`, 0 is none, to the step that holds `wanted`. */
export function walkFrom(start: u64, wanted: u64): void {
  walk(start, 0, -1, true, wanted);
}

/** Walks on from where a walk was that has been saved. */
export function walkOn(saved: usize, wanted: u64): void {
  walk(nextOf(saved), u64(load<u32>(saved)), load<i32>(saved + 4), false, wanted);
}

export function save(at: usize): void {
  store<u32>(at, u32(pc));
  store<i32>(at + 4, value);
  store<u32>(at + 8, u32(next));
}

/** The next step of a walk that has been saved. */
export function nextOf(saved: usize): u64 {
  return u64(load<u32>(saved + 8));
}

/** Only the first step may leave the value as it is: another that does is the end. */
function walk(start: u64, from: u64, before: i32, isFirst: bool, wanted: u64): void {
  const lastWhole = i64(size) - i64(longestStep);
  let at = start;
  let upTo = from;
  let now = before;
  let count: u32 = 0;
  for (let first = isFirst; at !== 0 && upTo <= wanted; first = false) {
    let delta: u32;
    let length: u32;
    let isLong = i64(at) > lastWhole;
    const step = at;
    if (isLong) {
      delta = 0;
      length = 0;
    } else {
      // Of one byte or two, without a branch: which of them can't be foretold.
      const bytes = load<u32>(usize(at) + TABLE);
      const more = (bytes >>> 7) & 1;
      delta = (bytes & 0x7f) | (((bytes >>> 8) & 0xff & (0 - more)) << 7);
      const rest = bytes >>> (8 + (more << 3));
      const moreToo = (rest >>> 7) & 1;
      length = (rest & 0x7f) | (((rest >>> 8) & 0xff & (0 - moreToo)) << 7);
      at += u64(2 + more + moreToo);
      isLong = ((delta | length) & 0x4000) !== 0;
    }
    if (isLong) {
      delta = varint(step);
      length = varint(end);
      at = end;
    }
    upTo += u64(length) * u64(quantum);
    if ((delta === 0 && !first) || upTo > maxPc || ++count > maxSteps) at = 0;
    now += i32(delta >>> 1) ^ -i32(delta & 1);
  }
  read += count;
  pc = upTo;
  value = now;
  next = at;
}

/** The number that begins at `at`, of 32 bits at most; 0 past the end of the table. */
function varint(at: u64): u32 {
  let number: u32 = 0;
  let byte: u32 = 0x80;
  for (let shift: u32 = 0; byte >= 0x80 && shift < 35 && at < size; shift += 7) {
    byte = load<u8>(usize(at++) + TABLE);
    if (shift < 32) number |= (byte & 0x7f) << shift;
  }
  end = at;
  return number;
}
