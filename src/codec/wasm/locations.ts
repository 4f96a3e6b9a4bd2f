import { TRUNCATED_VARINT } from "../../pdata/wasm/faults";
import { intern } from "../../pdata/wasm/intern";
import { LOCATION as OUT_LOCATION } from "../../pdata/wasm/numbers";
import { copy, putVarint } from "../../pdata/wasm/out";
import { fail, openLength, readVarint, spanEnd, varint } from "../../pdata/wasm/primitives";
import { claim, flagAttribute, functionIndex } from "./entries";
import { MESSAGE_LINE, MESSAGE_LOCATION, UNKNOWN_FUNCTION } from "./faults";
import { field, readField, skipUnknown } from "./fields";
import { findId, openIds } from "./ids";
import { gap, needEntry } from "./memory";
import { FUNCTION, KEY_FOLDED, LOCATION, MAPPING } from "./numbers";
import { count, entry, entryEnd, largestEntry, nextEntry, openTable } from "./parts";
import { isShort, shortSize, shortValue } from "./short";
import { putField, putIndex } from "./values";

/*
 * Location { id 1, mapping_id 2, address 3, line 4, is_folded 5 }     Line { function_id 1, line 2, column 3 }
 * becomes
 * Location { mapping_index 1, address 2, lines 3, attribute_indices 4 }     Line { function_index 1, line 2, column 3 }
 */

/** Where what an entry becomes is put together: it may take eight times the bytes. */
export let scratch: usize = 0;

export function openScratch(): void {
  scratch = gap((u64(largestEntry) << 3) + 128);
}

/** Where lines are put: in front of them there is room for mapping and address, twice. */
const linesAt: usize = 48;

/** Reads the locations into the dictionary, used by a sample or not; the number of an id is the index in location_table. */
export function readLocations(): bool {
  openIds(LOCATION, count(LOCATION));
  openTable(LOCATION);
  while (nextEntry()) if (!readLocation(entry, entryEnd)) return false;
  return true;
}

function readLocation(p: usize, end: usize): bool {
  let out = scratch + linesAt;
  let id: u64 = 0;
  let mapping: u32 = 0;
  let address: u64 = 0;
  let isFolded = false;
  while (p < end) {
    const head = load<u32>(p);
    let tag = head & 0xff;
    let value = u64(shortValue(head >>> 8));
    if (tag === 0x22 && (head & 0x8000) === 0) {
      const stop = p + 2 + usize((head >>> 8) & 0xff);
      if (stop > end) return openLength(p + 1, end) !== 0;
      out = putLine(out, p + 2, stop);
      if (out === 0) return false;
      p = stop;
      continue;
    }
    if (isShort(head >>> 8) && (tag === 0x08 || tag === 0x10)) p += 1 + shortSize(head >>> 8);
    else {
      p = readField(p, end);
      if (p === 0) return false;
      tag = field;
      if (tag === 0x22) {
        p = openLength(p, end);
        if (p === 0) return false;
        const stop = spanEnd;
        out = putLine(out, p, stop);
        if (out === 0) return false;
        p = stop;
        continue;
      }
      if (tag !== 0x08 && tag !== 0x10 && tag !== 0x18 && tag !== 0x28) {
        p = skipUnknown(p, end, 5, MESSAGE_LOCATION);
        if (p === 0) return false;
        continue;
      }
      p = readVarint(p, end);
      if (p === 0) return false;
      value = varint;
    }
    if (tag === 0x08) id = value;
    // An unknown mapping reads as none, as google/pprof has it.
    else if (tag === 0x10) mapping = findId(MAPPING, value);
    else if (tag === 0x18) address = value;
    else isFolded = value !== 0;
  }
  if (p > end) return fail(TRUNCATED_VARINT, p) !== 0;
  const cell = claim(LOCATION, id);
  if (cell === 0) return false;
  if (isFolded) {
    store<u8>(out, 0x22);
    const list = out + 2;
    out = putVarint(list, flagAttribute(KEY_FOLDED, 1));
    store<u8>(list - 1, u32(out - list));
  }
  const head = putField(putField(scratch, 0x08, mapping), 0x10, address) - scratch;
  const base = scratch + linesAt - head;
  copy(base, scratch, head);
  needEntry(u64(out - base));
  store<u32>(cell, intern(OUT_LOCATION, base, out));
  return true;
}

/** Writes the Line in [p, stop), tag and length included; returns the position behind it, 0 where it is broken. */
function putLine(out: usize, p: usize, stop: usize): usize {
  let position: u32 = 0;
  let line: u64 = 0;
  let column: u64 = 0;
  while (p < stop) {
    const head = load<u32>(p);
    let tag = head & 0xff;
    let value = u64(shortValue(head >>> 8));
    const isKnown = tag === 0x08 || tag === 0x10 || tag === 0x18;
    if (isKnown && isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
    else {
      p = readField(p, stop);
      if (p === 0) return 0;
      tag = field;
      if (tag !== 0x08 && tag !== 0x10 && tag !== 0x18) {
        p = skipUnknown(p, stop, 3, MESSAGE_LINE);
        if (p === 0) return 0;
        continue;
      }
      p = readVarint(p, stop);
      if (p === 0) return 0;
      value = varint;
    }
    if (tag === 0x08) position = findId(FUNCTION, value);
    else if (tag === 0x10) line = value;
    else column = value;
  }
  if (p > stop) return fail(TRUNCATED_VARINT, p);
  if (position === 0) return fail(UNKNOWN_FUNCTION, p);
  store<u16>(out, 0x1a);
  const start = out + 2;
  store<u8>(start, 0x08);
  let end = putIndex(start + 1, functionIndex(position - 1));
  end = putField(end, 0x10, line);
  end = putField(end, 0x18, column);
  store<u8>(start - 1, u32(end - start));
  return end;
}
