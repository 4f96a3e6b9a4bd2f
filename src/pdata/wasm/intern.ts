import { keyOf, RECORD_HEAD, reserve, take, top } from "./arena";
import { slot } from "./indices";
import { HASH_KEYS, HASH_KEYS_END, HASH_LENGTH_KEY, HASH_OUT_KEY, OUT_BYTES, OUT_COUNTS } from "./layout";
import { STACK, STRING } from "./numbers";
import { copyLoosely, varintSize } from "./out";

/**
 * The entries of all tables that a build has kept, found by content in one hash table with open addressing: its rows are
 * a hash and where the record stands.
 */

const ROW: usize = 8;

let rows: usize = 0;
/** Rows are found by a hash's upper bits: this many are left out. */
let shift: u32 = 0;
let lastRow: u32 = 0;
/** Entries in the hash table. */
let held: u32 = 0;

/** More entries than this the hash table can't have: its rows, twice as many, are one record, and must have a key. */
const mostHeld: u32 = 1 << 24;
/** More than any memory has. */
const neverBytes: u64 = 1 << 40;
/** A longer entry has no key (keyOf). */
const mostBytes: u64 = (1 << 29) - 1;

/** Bytes that `growRows` takes at most to have room for so many entries more, which can't be had for too many. */
export function rowBytes(more: u32): u64 {
  if (u64(held) + u64(more) > u64(mostHeld)) return neverBytes;
  return (u64(held) + u64(more)) * 4 * u64(ROW) + 32 * u64(ROW) + u64(RECORD_HEAD);
}

/** Begins a build. */
export function clearEntries(): void {
  memory.fill(OUT_COUNTS, 0, OUT_BYTES + 32 - OUT_COUNTS);
  rows = 0;
  lastRow = 0;
  held = 0;
}

/** Gives every table its zero entry. Index 0 means "not set": but for "", an entry that holds only zeros stays an entry of its own. */
export function addZeroEntries(): void {
  for (let table: u32 = 1; table <= u32(STACK); table++) {
    if (table === u32(STRING)) intern(table, top, top);
    else append(table, top, 0);
  }
}

/** Makes room for so many entries more. They may take most of the rows, but hardly ever do: much is there already. */
export function growRows(more: u32): void {
  const wanted = (u64(held) + u64(more)) * 2;
  if (rows !== 0 && wanted * 4 <= u64(lastRow) * 7) return;
  let bits: u32 = 5;
  while (u64(1) << u64(bits) < wanted) bits++;
  const oldRows = rows;
  const oldEnd = rows + (usize(lastRow) + 1) * ROW;
  const bytes = ROW << usize(bits);
  rows = take(0, keyOf(0, u32(bytes)));
  lastRow = u32((u64(1) << u64(bits)) - 1);
  shift = 32 - bits;
  memory.fill(rows, 0, bytes);
  if (oldRows === 0) return;
  for (let old = oldRows; old < oldEnd; old += ROW) {
    const row = load<u64>(old);
    if (row === 0) continue;
    let i = u32(row) >>> shift;
    while (load<u64>(rows + usize(i) * ROW) !== 0) i = (i + 1) & lastRow;
    store<u64>(rows + usize(i) * ROW, row);
  }
}

/** Makes the hash table large enough for about so many more entries, where they are an ordinary number. */
export function expectEntries(more: u32): void {
  if (more < 1 << 16 && reserve(rowBytes(more))) growRows(more);
}

/** Makes room for one more entry of so many bytes; false where the memory can't be had. */
export function reserveEntry(bytes: u64): bool {
  if (bytes > mostBytes) return false;
  if (held * 2 >= lastRow) {
    if (held >= mostHeld) return false;
    const more = min(held + 64, mostHeld - held);
    if (!reserve(rowBytes(more) + bytes)) return false;
    growRows(more);
  }
  return reserve(bytes + u64(RECORD_HEAD));
}

/** Index of the entry whose content is [start, end); equal content gets the same index. There is room for it. */
export function intern(table: u32, start: usize, end: usize): u32 {
  return load<u32>(internRecord(table, start, end));
}

/** As `intern`; returns the record, which begins with the index. */
export function internRecord(table: u32, start: usize, end: usize): usize {
  const length = end - start;
  const key = keyOf(table, u32(length));
  const hash = hashOf(key, start, end);
  let i = hash >>> shift;
  for (;;) {
    const row = load<u64>(rows + usize(i) * ROW);
    if (row === 0) break;
    if (u32(row) === hash) {
      const record = usize(row >>> 32);
      if (load<u32>(record + 4) === key && isSame(record + RECORD_HEAD, start, length)) return record;
    }
    i = (i + 1) & lastRow;
  }
  store<u64>(rows + usize(i) * ROW, (u64(top) << 32) | u64(hash));
  held++;
  return append(table, start, length);
}

function append(table: u32, start: usize, length: usize): usize {
  const count = slot(OUT_COUNTS, table);
  const bytes = slot(OUT_BYTES, table);
  const index = load<u32>(count);
  store<u32>(count, index + 1);
  store<u32>(bytes, load<u32>(bytes) + u32(varintSize(u32(length)) + length) + 1);
  const record = top;
  const content = take(index, keyOf(table, u32(length)));
  if (content !== start) copyLoosely(content, start, length);
  return record;
}

function isSame(a: usize, b: usize, length: usize): bool {
  if (length < 8) return ((load<u64>(a) ^ load<u64>(b)) & firstBytes(length)) === 0;
  const last = length - 8;
  if (((load<u64>(a) ^ load<u64>(b)) | (load<u64>(a + last) ^ load<u64>(b + last))) !== 0) return false;
  for (let i: usize = 8; i < last; i += 8) if (load<u64>(a + i) !== load<u64>(b + i)) return false;
  return true;
}

/** Mask of a word's first bytes; `count` is below 8. */
function firstBytes(count: usize): u64 {
  return (u64(1) << (u64(count) << 3)) - 1;
}

/**
 * Hash of the content [p, end): the sum of products of its words' halves, each with a key of its own added (NH, of UMAC).
 * Keys are drawn at random for every instance, and for any two contents few keys give equal sums: a sender can't choose
 * strings that collide.
 */
function hashOf(key: u32, p: usize, end: usize): u32 {
  let sum = u64(key) * load<u64>(HASH_LENGTH_KEY);
  if (end - p < 8) sum += product(load<u64>(p) & firstBytes(end - p), load<u64>(HASH_KEYS));
  else {
    const last = end - 8;
    sum += product(load<u64>(p), load<u64>(HASH_KEYS)) + product(load<u64>(last), load<u64>(HASH_KEYS + 8));
    let at: usize = HASH_KEYS + 16;
    for (p += 8; p < last; p += 8) {
      sum += product(load<u64>(p), load<u64>(at));
      at += 8;
      if (at === HASH_KEYS_END) {
        // Keys are used again: what was summed with them goes through a product first.
        sum = product(sum, load<u64>(HASH_LENGTH_KEY));
        at = HASH_KEYS + 16;
      }
    }
  }
  return u32((sum * load<u64>(HASH_OUT_KEY)) >>> 32);
}

function product(word: u64, key: u64): u64 {
  return u64(u32(word) + u32(key)) * u64(u32(word >>> 32) + u32(key >>> 32));
}
