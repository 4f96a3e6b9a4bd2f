import { endGap, openArena } from "../../pdata/wasm/arena";
import { LENGTH_PAST_END } from "../../pdata/wasm/faults";
import { slot } from "../../pdata/wasm/indices";
import { INPUT } from "../../pdata/wasm/layout";
import { SPARE } from "../../pdata/wasm/out";
import { fail, openLength, readVarint, skipField, spanEnd, varint } from "../../pdata/wasm/primitives";
import { CONCATENATED, FIRST_STRING, MANY_COMMENTS, MESSAGE_PROFILE, MESSAGE_VALUE_TYPE, NO_STRINGS } from "./faults";
import { field, readField, skipUnknown } from "./fields";
import { COMMENTS, ENTRIES, NEXT, PERIOD_TYPE, SAMPLE_TYPES, SCALARS, TABLES } from "./layout";
import { gap } from "./memory";
import { maxComments, maxSampleTypes, SAMPLE_TYPE, STRING } from "./numbers";

/*
 * Profile { sample_type 1, sample 2, mapping 3, location 4, function 5, string_table 6, drop_frames 7, keep_frames 8,
 *           time_nanos 9, duration_nanos 10, period_type 11, period 12, comment 13, default_sample_type 14, doc_url 15 }
 * ValueType { type 1, unit 2 }
 */

/** The strings of the pprof that is open: start and end of each. */
export let strings: usize = 0;
export let stringCount: u32 = 0;

let comments: usize = 0;
let commentCount: u32 = 0;
/** Bytes of the largest entry that is no string. */
export let largestEntry: usize = 0;

/** Where the pprof of so many bytes is to be put before openParts. */
export function placePprof(bytes: u32): usize {
  return gap(u64(bytes) + u64(SPARE));
}

/** Forgets what was in the memory. */
export function clearMemory(): void {
  openArena(INPUT);
}

/** Walks the top level of the pprof in [p, end), and notes where its strings are. */
export function openParts(p: usize, end: usize): bool {
  memory.fill(SCALARS, 0, SAMPLE_TYPES - SCALARS);
  memory.fill(ENTRIES, 0, 32);
  commentCount = 0;
  largestEntry = 0;
  comments = gap(u64(maxComments) << 3);
  if (!walk(p, end)) return false;
  endGap(comments + (usize(commentCount) << 3));
  stringCount = count(STRING);
  if (stringCount === 0) return failed(NO_STRINGS);
  listEntries(p, end);
  strings = usize(load<u32>(slot(TABLES, STRING)));
  store<u32>(COMMENTS, u32(comments));
  store<u32>(COMMENTS + 4, commentCount);
  return load<u32>(strings) === load<u32>(strings + 4) ? true : failed(FIRST_STRING);
}

function failed(code: i32): bool {
  return fail(code, 0) !== 0;
}

/** Entries of a table. */
export function count(table: u32): u32 {
  return load<u32>(slot(ENTRIES, table));
}

/** Counts the entries of the tables, and reads everything else. */
function walk(p: usize, end: usize): bool {
  while (p < end) {
    const head = u32(load<u16>(p));
    let table = (head & 0xff) >>> 3;
    if ((head & 0x8007) === 2 && table - 1 < u32(STRING) && end - p > 1) {
      p += 2 + usize(head >>> 8);
      if (p > end) return failed(LENGTH_PAST_END);
    } else {
      p = readField(p, end);
      if (p === 0) return false;
      table = field >>> 3;
      if ((field & 7) !== 2 || table - 1 >= u32(STRING)) {
        p = readOther(p, end);
        if (p === 0) return false;
        continue;
      }
      p = openLength(p, end);
      if (p === 0) return false;
      p = spanEnd;
    }
    const entries = slot(ENTRIES, table);
    store<u32>(entries, load<u32>(entries) + 1);
  }
  return true;
}

/** Makes a list of every table: start and end of each entry. The walk has passed the same bytes. */
function listEntries(p: usize, end: usize): void {
  for (let table: u32 = 1; table <= u32(STRING); table++) {
    const list = gap(u64(count(table)) << 3);
    store<u32>(slot(TABLES, table), u32(list));
    store<u32>(slot(NEXT, table), u32(list));
  }
  while (p < end) {
    const head = u32(load<u16>(p));
    let table = (head & 0xff) >>> 3;
    let stop: usize = 0;
    if ((head & 0x8007) === 2 && table - 1 < u32(STRING)) {
      p += 2;
      stop = p + usize(head >>> 8);
    } else {
      p = readField(p, end);
      table = field >>> 3;
      if ((field & 7) !== 2 || table - 1 >= u32(STRING)) {
        p = skipField(p, end, field & 7);
        if (p === 0) unreachable();
        continue;
      }
      p = openLength(p, end);
      stop = spanEnd;
    }
    const next = slot(NEXT, table);
    const at = usize(load<u32>(next));
    store<u64>(at, u64(p) | (u64(stop) << 32));
    store<u32>(next, u32(at) + 8);
    if (stop - p > largestEntry && table !== u32(STRING)) largestEntry = stop - p;
    p = stop;
  }
}

/** A field that isn't part of a table. */
function readOther(p: usize, end: usize): usize {
  if (field === 0x5a) {
    p = openLength(p, end);
    return p === 0 ? 0 : readValueType(p, spanEnd, PERIOD_TYPE);
  }
  if (field === 0x6a) {
    p = openLength(p, end);
    if (p === 0) return 0;
    const stop = spanEnd;
    while (p < stop) {
      p = readVarint(p, stop);
      if (p === 0 || !addComment(varint)) return 0;
    }
    return p;
  }
  const number = field >>> 3;
  if ((field & 7) !== 0 || number < 7 || number > 15 || number === 11) return skipUnknown(p, end, 15, MESSAGE_PROFILE);
  p = readVarint(p, end);
  if (p === 0) return 0;
  if (number === 13) return addComment(varint) ? p : 0;
  const at = usize(SCALARS) + (usize(number) << 3);
  // As google/pprof sees it: two profiles one behind the other make one message that says neither.
  if (number === 9 && load<u64>(at) !== 0) return fail(CONCATENATED, p);
  store<u64>(at, varint);
  return p;
}

function addComment(at: u64): bool {
  if (commentCount === u32(maxComments)) return failed(MANY_COMMENTS);
  store<u64>(comments + (usize(commentCount++) << 3), at);
  return true;
}

/** Reads the ValueType in [p, end) to the pair at `to`. */
function readValueType(p: usize, end: usize, to: usize): usize {
  store<u64>(to, 0);
  store<u64>(to + 8, 0);
  while (p < end) {
    p = readField(p, end);
    if (p === 0) return 0;
    if (field !== 0x08 && field !== 0x10) p = skipUnknown(p, end, 2, MESSAGE_VALUE_TYPE);
    else {
      p = readVarint(p, end);
      if (p !== 0) store<u64>(to + (field === 0x08 ? 0 : 8), varint);
    }
    if (p === 0) return 0;
  }
  return p;
}

/** Reads the first `maxSampleTypes` sample types; returns how many there are in front of one that is broken. */
export function readSampleTypes(): u32 {
  let read: u32 = 0;
  openTable(SAMPLE_TYPE);
  while (read < u32(maxSampleTypes) && nextEntry()) {
    if (readValueType(entry, entryEnd, usize(SAMPLE_TYPES) + (usize(read) << 4)) === 0) break;
    read++;
  }
  return read;
}

/** The entry that nextEntry found last. */
export let entry: usize = 0;
export let entryEnd: usize = 0;

let cursor: usize = 0;
let cursorEnd: usize = 0;

/** Begins a walk over the entries of a table. */
export function openTable(table: u32): void {
  cursor = usize(load<u32>(slot(TABLES, table)));
  cursorEnd = cursor + (usize(count(table)) << 3);
}

/** False where there are no more. */
export function nextEntry(): bool {
  if (cursor === cursorEnd) return false;
  entry = usize(load<u32>(cursor));
  entryEnd = usize(load<u32>(cursor + 4));
  cursor += 8;
  return true;
}
