import { SPARE, TABLE } from "./layout";
import { aligned, fetch, lineBytes, reach } from "./memory";
import { calls, files, lines, nameAt, openRecord, tree } from "./record";
import { next, nextOf, read, save, value, walkFrom, walkOn } from "./steps";
import { fetchAt, functionCount, recordOf, size } from "./table";

/** Bytes of code from one place to the next, as a shift. */
const CODE_SHIFT: u32 = 8;
/** Where the walks through a function's three tables are. */
const walkBytes: usize = 12;
const placeBytes: usize = 3 * walkBytes;
export const LINES: usize = 0;
export const FILES: usize = walkBytes;
export const CALLS: usize = 2 * walkBytes;
/** A place for so many bytes of the table, at most: programs have one for 200. */
const bytesPerPlace: u64 = 32;
/** Steps per byte that are read of all tables: functions may share one, but more is no program. */
const maxStepsPerByte: u64 = 4;

/** Where functions begin, and behind them where the last one ends: offsets from the first one. */
export let starts: usize = 0;
/** Number of a function's first place, and behind them how many places there are. */
let firsts: usize = 0;
let places: usize = 0;
/** Lowest and highest address of a tree of inlined calls; the first is above the second where there is none. */
export let lowestTree: f64 = Infinity;
export let highestTree: f64 = -Infinity;

export function startsAt(): usize {
  return aligned(usize(size) + TABLE + SPARE);
}

/**
 * Reads the tables by pc of all functions and remembers, every 256 bytes of a function, where in them it is, so that a
 * look-up reads a few steps of a table. Returns where the memory of that ends; 0 where there is not enough.
 */
export function indexTables(): usize {
  starts = startsAt();
  firsts = starts + 4 * (usize(functionCount) + 1);
  places = firsts + 4 * (usize(functionCount) + 1);
  let count: u32 = 0;
  for (let i: u32 = 0; i < functionCount; i++) count += placesWanted(i, count);
  if (!reach(u64(places) + u64(count) * placeBytes)) return 0;
  const most = count;
  count = 0;
  for (let i: u32 = 0; i < functionCount; i++) {
    store<u32>(firsts + 4 * usize(i), count);
    if (!openRecord(recordOf(i))) continue;
    if (calls !== 0) {
      lowestTree = min(lowestTree, tree);
      highestTree = max(highestTree, tree);
    }
    if (read <= maxStepsPerByte * size) count += remember(min(placesWanted(i, 0), most - count), count);
  }
  store<u32>(firsts + 4 * usize(functionCount), count);
  return aligned(places + usize(count) * placeBytes);
}

/** Places of a function, if there are `before` already. */
function placesWanted(i: u32, before: u32): u32 {
  const start = load<u32>(starts + 4 * usize(i));
  const end = load<u32>(starts + 4 * usize(i) + 4);
  return end <= start ? 0 : min((end - start - 1) >>> CODE_SHIFT, u32(size / bytesPerPlace) - before);
}

/** Writes at most so many places of the function whose record is open; returns how many. */
function remember(count: u32, before: u32): u32 {
  let at = places + usize(before) * placeBytes;
  for (let i: u32 = 1; i <= count; i++) {
    let isOpen = false;
    for (let column: usize = 0; column < placeBytes; column += walkBytes) {
      if (i === 1) walkFrom(tableOf(column), u64(i) << CODE_SHIFT);
      else walkOn(at + column - placeBytes, u64(i) << CODE_SHIFT);
      save(at + column);
      if (next !== 0) isOpen = true;
    }
    if (!isOpen) return i - 1;
    at += placeBytes;
  }
  return count;
}

function tableOf(column: usize): u64 {
  return column === LINES ? lines : column === FILES ? files : calls;
}

/** The last place of a function before `pc`, an offset from its start; 0 is its beginning. */
export function placeBefore(i: u32, pc: u64): usize {
  if (pc >>> CODE_SHIFT === 0) return 0;
  const first = load<u32>(firsts + 4 * usize(i));
  const count = load<u32>(firsts + 4 * usize(i) + 4) - first;
  const number = min(u32(pc >>> CODE_SHIFT), count);
  return number === 0 ? 0 : places + usize(first + number - 1) * placeBytes;
}

/** The value at `pc` of a table of the function whose record is open; -1 where it has none. `place` is one before that. */
export function valueAt(column: usize, place: usize, pc: u64): i32 {
  if (place === 0) walkFrom(tableOf(column), pc);
  else walkOn(place + column, pc);
  return next === 0 ? -1 : value;
}

/** Has a place brought from memory. */
export function fetchPlace(place: usize): void {
  if (place === 0) return;
  fetch(place);
  fetch(place + placeBytes - 1);
}

/** Has brought from memory what the record that is open leads to, from a place on. */
export function fetchTables(place: usize): void {
  fetchAt(nameAt);
  fetchAt(nameAt + lineBytes);
  fetchAt(place === 0 ? lines : nextOf(place + LINES));
  fetchAt(place === 0 ? files : nextOf(place + FILES));
  fetchAt(place === 0 ? calls : nextOf(place + CALLS));
}
