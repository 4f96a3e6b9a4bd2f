import { readVarint, skipVarint, varint } from "../../pdata/wasm/primitives";
import { areSamplesPlain, openDense } from "./check-samples";
import { claimId, findId, idLimit, idList, openIds } from "./ids";
import { COMMENTS, PERIOD_TYPE, SAMPLE_TYPES, SCALARS } from "./layout";
import { FUNCTION, LOCATION, MAPPING, maxSampleTypes, SAMPLE_TYPE } from "./numbers";
import { count, entry, entryEnd, nextEntry, openTable, readSampleTypes, stringCount, strings } from "./parts";
import { highBits, isShort, shortSize, shortValue } from "./short";
import { areStringsText } from "./texts";

/*
 * Checks that the pprof which is open is an ordinary one: everything in it is as the decoder wants it (ids, indices, UTF-8,
 * the number of values), and nothing has a form that encoders don't write. What isn't ordinary the decoder has to judge.
 */

const maxShortBytes: u32 = 16 * 1024;
const maxPlainComments: u32 = 100;

export function checkPprof(): bool {
  const types = count(SAMPLE_TYPE);
  if (types === 0 || types > u32(maxSampleTypes) || readSampleTypes() !== types) return false;
  for (let i: u32 = 0; i < 2 * types; i++)
    if (!isShortText(load<u64>(usize(SAMPLE_TYPES) + (usize(i) << 3)))) return false;
  return areStringsText() && areScalarsPlain() && areTablesPlain() && areSamplesPlain(types);
}

function isShortText(index: u64): bool {
  if (index >= u64(stringCount)) return false;
  const at = strings + (usize(index) << 3);
  return load<u32>(at + 4) - load<u32>(at) <= maxShortBytes;
}

function areScalarsPlain(): bool {
  for (let field: usize = 7; field < 16; field++) {
    const isString = field < 9 || field > 13;
    if (isString && load<u64>(usize(SCALARS) + (field << 3)) >= u64(stringCount)) return false;
  }
  if (!isShortText(load<u64>(PERIOD_TYPE)) || !isShortText(load<u64>(PERIOD_TYPE + 8))) return false;
  const comments = load<u32>(COMMENTS + 4);
  if (comments > maxPlainComments) return false;
  const list = usize(load<u32>(COMMENTS));
  for (let i: u32 = 0; i < comments; i++) if (!isShortText(load<u64>(list + (usize(i) << 3)))) return false;
  return true;
}

function areTablesPlain(): bool {
  openIds(MAPPING, count(MAPPING));
  openIds(FUNCTION, count(FUNCTION));
  openIds(LOCATION, count(LOCATION));
  return (
    checkEntries(MAPPING, 10, (1 << 5) | (1 << 6)) &&
    checkEntries(FUNCTION, 5, (1 << 2) | (1 << 3) | (1 << 4)) &&
    checkLocations()
  );
}

/** Messages of nothing but varints, up to field `fields`, with their id in field 1; `indices` are those that name strings, as bits. */
function checkEntries(table: u32, fields: u32, indices: u32): bool {
  const texts = u64(stringCount);
  openTable(table);
  while (nextEntry()) {
    let p = entry;
    const end = entryEnd;
    let id: u64 = 0;
    while (p < end) {
      const head = load<u32>(p);
      const field = (head & 0xff) >>> 3;
      if ((head & 7) !== 0 || field === 0 || field > fields) return false;
      let value = u64(shortValue(head >>> 8));
      if (isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
      else {
        p = readVarint(p + 1, end);
        if (p === 0) return false;
        value = varint;
      }
      if (field === 1) id = value;
      else if (value >= texts && ((indices >>> field) & 1) !== 0) return false;
    }
    if (p !== end || id === 0 || !note(table, id)) return false;
  }
  return true;
}

/** Notes an id; false where it is taken. */
function note(table: u32, id: u64): bool {
  const cell = claimId(table, id);
  if (cell === 0) return false;
  store<u32>(cell, 1);
  return true;
}

function checkLocations(): bool {
  let position: u32 = 0;
  let dense = true;
  openTable(LOCATION);
  while (nextEntry()) {
    let p = entry;
    const end = entryEnd;
    let id: u64 = 0;
    while (p < end) {
      const head = load<u32>(p);
      const tag = head & 0xff;
      if (tag === 0x22) {
        const stop = p + 2 + usize((head >>> 8) & 0xff);
        if ((head & 0x8000) !== 0 || stop > end || !isLinePlain(p + 2, stop)) return false;
        p = stop;
        continue;
      }
      if (tag === 0x18) {
        const stops = ~load<u64>(p + 1) & highBits;
        p = stops !== 0 ? p + 2 + (usize(ctz(stops)) >>> 3) : skipVarint(p + 1, end);
        if (p === 0) return false;
        continue;
      }
      if (tag !== 0x08 && tag !== 0x10 && tag !== 0x28) return false;
      let value = u64(shortValue(head >>> 8));
      if (isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
      else {
        p = readVarint(p + 1, end);
        if (p === 0) return false;
        value = varint;
      }
      if (tag === 0x08) id = value;
      // Pyroscope has another view of unknown mappings than google/pprof.
      else if (tag === 0x10 && value !== 0 && findId(MAPPING, value) === 0) return false;
    }
    if (p !== end || id === 0 || !note(LOCATION, id)) return false;
    if (id !== u64(++position)) dense = false;
  }
  openDense(position, dense);
  return true;
}

function isLinePlain(p: usize, end: usize): bool {
  const list = idList(FUNCTION);
  const limit = u64(idLimit(FUNCTION));
  let known = false;
  while (p < end) {
    const head = load<u32>(p);
    const tag = head & 0xff;
    if (tag !== 0x08 && tag !== 0x10 && tag !== 0x18) return false;
    let value = u64(shortValue(head >>> 8));
    if (isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
    else {
      p = readVarint(p + 1, end);
      if (p === 0) return false;
      value = varint;
    }
    if (tag !== 0x08) continue;
    known = value < limit ? load<u32>(list + (usize(value) << 2)) !== 0 : findId(FUNCTION, value) !== 0;
  }
  return known && p === end;
}
