import { TABLE } from "./layout";
import { quantum, size } from "./table";

/** Most steps of a table that are read at once: one that is longer is broken, or of a function of megabytes. */
const maxSteps: u32 = 1024 * 1024;
const maxPc: u64 = 0x7fffffff;
/** Two varints of 32 bits. */
const longestStep: u64 = 10;

/*
 * A table by pc is pairs of varints: how the value changes, from -1 on, and for how long it holds. This is where a walk
 * through one is: the value that holds up to a pc, and the place of the next step; 0 where there is none.
 */
export let pc: u64 = 0;
export let value: i32 = -1;
export let next: u64 = 0;
/** Steps that were read of all tables. */
export let read: u64 = 0;
/** Only the first step may leave the value as it is: another that does is the end. */
let isFirst: bool = true;
/** Where the varint ends that was read last. */
let end: u64 = 0;

/** The walk begins with the table at `start`; 0 is none. */
export function begin(start: u64): void {
  pc = 0;
  value = -1;
  next = start;
  isFirst = true;
}

/** The walk goes on from where another was, which had read steps. */
export function resume(at: usize): void {
  pc = u64(load<u32>(at));
  value = load<i32>(at + 4);
  next = nextAt(at);
  isFirst = false;
}

/** The next step of a walk that was saved. */
export function nextAt(at: usize): u64 {
  return u64(load<u32>(at + 8));
}

export function save(at: usize): void {
  store<u32>(at, u32(pc));
  store<i32>(at + 4, value);
  store<u32>(at + 8, u32(next));
}

/** Reads on to the step that holds `wanted`; where the table ends before that, there is no next step any more. */
export function walk(wanted: u64): void {
  if (next === 0 || pc > wanted) return;
  const lastWhole = i64(size) - i64(longestStep);
  let at = next;
  let upTo = pc;
  let now = value;
  let count: u32 = 0;
  for (let first = isFirst; upTo <= wanted; first = false) {
    let delta: u32;
    let length: u32;
    let isLong = i64(at) > lastWhole;
    const start = at;
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
      delta = varint(start);
      length = varint(end);
      at = end;
    }
    upTo += u64(length) * u64(quantum);
    if ((delta === 0 && !first) || upTo > maxPc || ++count > maxSteps) {
      next = 0;
      break;
    }
    now += i32(delta >>> 1) ^ -i32(delta & 1);
  }
  read += count;
  if (next === 0) return;
  pc = upTo;
  value = now;
  next = at;
  isFirst = false;
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
