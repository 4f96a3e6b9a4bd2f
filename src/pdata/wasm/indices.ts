import { INDEX_OUT_OF_RANGE } from "./faults";
import { COUNTS, HIGHEST } from "./layout";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./numbers";
import { fail, readVarint, varint } from "./primitives";

/**
 * References into tables. The highest index that a reference named is kept, by table, and held against the table's size
 * at the end: so one walk is enough, in whatever order tables and references come.
 */

/** Where the figure of a table stands in a list of eight. */
export function slot(list: usize, table: u32): usize {
  return list + (usize(table) << 2);
}

export function clearIndices(): void {
  memory.fill(HIGHEST, 0, 32);
}

/** Reads an index into the table. */
export function noteIndex(p: usize, end: usize, table: u32): usize {
  if (p >= end) return readVarint(p, end);
  let value = u32(load<u8>(p++));
  if (value > 0x7f) {
    p = readVarint(p - 1, end);
    if (p === 0) return 0;
    value = u32(varint);
  }
  const at = slot(HIGHEST, table);
  if (value > load<u32>(at)) store<u32>(at, value);
  return p;
}

/** Reads a packed list of indices into the table that fills [p, end). */
export function noteIndexList(p: usize, end: usize, table: u32): usize {
  const at = slot(HIGHEST, table);
  let most = load<u32>(at);
  while (p < end) {
    let value = u32(load<u8>(p++));
    if (value > 0x7f) {
      const second = p < end ? u32(load<u8>(p)) : 0x80;
      if (second < 0x80) {
        value = (value & 0x7f) | (second << 7);
        p++;
      } else {
        p = readVarint(p - 1, end);
        if (p === 0) return 0;
        value = u32(varint);
      }
    }
    if (value > most) most = value;
  }
  store<u32>(at, most);
  return p;
}

/** Holds every index that was noted against the size of its table. Index 0 is legal even where the table is missing. */
export function checkIndices(): bool {
  return (
    isWithin(MAPPING) &&
    isWithin(LOCATION) &&
    isWithin(FUNCTION) &&
    isWithin(LINK) &&
    isWithin(STRING) &&
    isWithin(ATTRIBUTE) &&
    isWithin(STACK)
  );
}

function isWithin(table: u32): bool {
  const highest = load<u32>(slot(HIGHEST, table));
  const count = load<u32>(slot(COUNTS, table));
  if (highest === 0 || highest < count) return true;
  fail(INDEX_OUT_OF_RANGE, 0, i32(highest), i32(table));
  return false;
}
