import { RECORD_HEAD, top } from "../../pdata/wasm/arena";
import { TRUNCATED_VARINT } from "../../pdata/wasm/faults";
import { intern } from "../../pdata/wasm/intern";
import { ATTRIBUTE, FUNCTION as OUT_FUNCTION, MAPPING as OUT_MAPPING } from "../../pdata/wasm/numbers";
import { putVarint } from "../../pdata/wasm/out";
import { fail, readVarint, varint } from "../../pdata/wasm/primitives";
import { ID_TAKEN, ID_ZERO, MESSAGE_FUNCTION, MESSAGE_MAPPING } from "./faults";
import { field, readField, skipUnknown } from "./fields";
import { claimId, openIds } from "./ids";
import { FLAG_ATTRIBUTES } from "./layout";
import { isNew, recall } from "./memo";
import { needEntry, zeros } from "./memory";
import { FUNCTION, KEY_BUILD_ID_GNU, KEY_BUILD_ID_GO, MAPPING } from "./numbers";
import { count, entry, entryEnd, nextEntry, openTable } from "./parts";
import { isShort, shortSize, shortValue } from "./short";
import { hasText, keyIndex, putTextValue, textBytes, textEnd, textIndex, textStart } from "./texts";
import { putField } from "./values";

/*
 * Mapping  { id 1, memory_start 2, memory_limit 3, file_offset 4, filename 5, build_id 6, has_functions 7,
 *            has_filenames 8, has_line_numbers 9, has_inline_frames 10 }
 * Function { id 1, name 2, system_name 3, filename 4, start_line 5 }
 *
 * All are checked, as google/pprof checks them, whether a sample uses them or not; functions go into the dictionary when a
 * location uses them.
 */

/** Claims the id of an entry: where its number goes, 0 where it is 0 or taken. */
export function claim(table: u32, id: u64): usize {
  if (id === 0) return fail(ID_ZERO + table, 0);
  const cell = claimId(table, id);
  return cell === 0 ? fail(ID_TAKEN + table, 0, i32(id), i32(id >>> 32)) : cell;
}

/** Reads the mappings; the number of an id is the index in mapping_table. */
export function readMappings(): bool {
  openIds(MAPPING, count(MAPPING));
  memory.fill(FLAG_ATTRIBUTES, 0, 36);
  openTable(MAPPING);
  while (nextEntry()) if (!readMapping(entry, entryEnd)) return false;
  return true;
}

function readMapping(p: usize, end: usize): bool {
  let id: u64 = 0;
  let start: u64 = 0;
  let limit: u64 = 0;
  let offset: u64 = 0;
  let filename: u64 = 0;
  let buildId: u64 = 0;
  let flags: u32 = 0;
  while (p < end) {
    p = readField(p, end);
    if (p === 0) return false;
    const number = field >>> 3;
    if (number === 0 || number > 10 || (field & 7) !== 0) {
      p = skipUnknown(p, end, 10, MESSAGE_MAPPING);
      if (p === 0) return false;
      continue;
    }
    p = readVarint(p, end);
    if (p === 0) return false;
    if (number === 1) id = varint;
    else if (number === 2) start = varint;
    else if (number === 3) limit = varint;
    else if (number === 4) offset = varint;
    else if (number === 5) filename = varint;
    else if (number === 6) buildId = varint;
    else flags = varint !== 0 ? flags | (1 << (number - 7)) : flags & ~(1 << (number - 7));
  }
  if (!hasText(filename) || !hasText(buildId)) return false;
  const cell = claim(MAPPING, id);
  if (cell === 0) return false;
  const file = textIndex(u32(filename));
  const buildIdAttribute = attributeOfBuildId(u32(buildId));
  for (let flag: u32 = 0; flag < 4; flag++) flagAttribute(flag, (flags >>> flag) & 1);
  needEntry(128);
  const base = top + RECORD_HEAD;
  let out = putField(base, 0x08, start);
  out = putField(out, 0x10, limit);
  out = putField(out, 0x18, offset);
  out = putField(out, 0x20, file);
  store<u8>(out, 0x2a);
  const list = out + 2;
  out = list;
  if (buildIdAttribute !== 0) out = putVarint(out, buildIdAttribute);
  for (let flag: u32 = 0; flag < 4; flag++) out = putVarint(out, flagAttribute(flag, (flags >>> flag) & 1));
  store<u8>(list - 1, u32(out - list));
  store<u32>(cell, intern(OUT_MAPPING, base, out));
  return true;
}

/** attribute_table index of a mapping's flag (0 to 3), or of the one that a folded location has (4). */
export function flagAttribute(flag: u32, value: u32): u32 {
  const cell = usize(FLAG_ATTRIBUTES) + (usize(flag < 4 ? 2 * flag + value : 8) << 2);
  const known = load<u32>(cell);
  if (known !== 0) return known;
  const key = keyIndex(flag);
  needEntry(16);
  const base = top + RECORD_HEAD;
  const out = putField(base, 0x08, key);
  store<u32>(out, 0x00100212 | (value << 24));
  const attribute = intern(ATTRIBUTE, base, out + 4);
  store<u32>(cell, attribute);
  return attribute;
}

/** attribute_table index of a build id, 0 if it is empty. A long one that many mappings have is written once. */
function attributeOfBuildId(index: u32): u32 {
  const start = textStart(index);
  const end = textEnd(index);
  if (start === end) return 0;
  needEntry(8);
  const room = top + RECORD_HEAD;
  store<u8>(room, 1);
  store<u32>(room + 1, index);
  const record = recall(room, room + 5);
  if (!isNew) return load<u32>(record);
  let slash = start;
  while (slash < end && load<u8>(slash) !== 0x2f) slash++;
  const key = keyIndex(slash < end ? KEY_BUILD_ID_GO : KEY_BUILD_ID_GNU);
  needEntry(textBytes(index) + 64);
  const base = top + RECORD_HEAD;
  const attribute = intern(ATTRIBUTE, base, putTextValue(putField(base, 0x08, key), index));
  store<u32>(record, attribute);
  return attribute;
}

/** By position: name, system name, file name (strings of the pprof), index in function_table or 0 (u32), start line (u64). */
let functions: usize = 0;
const functionBytes: usize = 24;

/** Reads the functions; the number of an id is the position plus one. */
export function readFunctions(): bool {
  openIds(FUNCTION, count(FUNCTION));
  functions = zeros(u64(count(FUNCTION)) * u64(functionBytes));
  let position: u32 = 0;
  openTable(FUNCTION);
  while (nextEntry()) {
    if (!readFunction(functions + usize(position) * functionBytes, entry, entryEnd)) return false;
    const cell = claim(FUNCTION, functionId);
    if (cell === 0) return false;
    store<u32>(cell, ++position);
  }
  return true;
}

let functionId: u64 = 0;

function readFunction(row: usize, p: usize, end: usize): bool {
  functionId = 0;
  let name: u64 = 0;
  let systemName: u64 = 0;
  let filename: u64 = 0;
  while (p < end) {
    const head = load<u32>(p);
    let tag = head & 0xff;
    let value = u64(shortValue(head >>> 8));
    const isKnown = (tag & 7) === 0 && tag - 1 < 0x28;
    if (isKnown && isShort(head >>> 8)) p += 1 + shortSize(head >>> 8);
    else {
      p = readField(p, end);
      if (p === 0) return false;
      tag = field;
      if ((tag & 7) !== 0 || tag - 1 >= 0x28) {
        p = skipUnknown(p, end, 5, MESSAGE_FUNCTION);
        if (p === 0) return false;
        continue;
      }
      p = readVarint(p, end);
      if (p === 0) return false;
      value = varint;
    }
    if (tag === 0x08) functionId = value;
    else if (tag === 0x10) name = value;
    else if (tag === 0x18) systemName = value;
    else if (tag === 0x20) filename = value;
    else store<u64>(row + 16, value);
  }
  if (p > end) return fail(TRUNCATED_VARINT, p) !== 0;
  if (!hasText(name) || !hasText(systemName) || !hasText(filename)) return false;
  store<u32>(row, u32(name));
  store<u32>(row + 4, u32(systemName));
  store<u32>(row + 8, u32(filename));
  return true;
}

/** function_table index of the function at a position. */
export function functionIndex(position: u32): u32 {
  const row = functions + usize(position) * functionBytes;
  const known = load<u32>(row + 12);
  if (known !== 0) return known;
  const name = textIndex(load<u32>(row));
  const systemName = textIndex(load<u32>(row + 4));
  const filename = textIndex(load<u32>(row + 8));
  needEntry(64);
  const base = top + RECORD_HEAD;
  let out = putField(base, 0x08, name);
  out = putField(out, 0x10, systemName);
  out = putField(out, 0x18, filename);
  out = putField(out, 0x20, load<u64>(row + 16));
  const index = intern(OUT_FUNCTION, base, out);
  store<u32>(row + 12, index);
  return index;
}
