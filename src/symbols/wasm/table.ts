import { GO_1_16, GO_1_18, TABLE } from "./layout";
import { fetch } from "./memory";

/** The line table's header. Places in the table count from its first byte; any may be past its end. */
export let size: u64 = 0;
export let version: u32 = 0;
export let quantum: u32 = 0;
export let pointerBytes: u32 = 0;
export let functionCount: u32 = 0;
export let namesAt: u64 = 0;
export let unitsAt: u64 = 0;
export let filesAt: u64 = 0;
export let valuesAt: u64 = 0;
let functionsAt: u64 = 0;
let tableAt: u64 = 0;
/** Bytes of one entry or offset in the table of functions. */
export let fieldBytes: u32 = 0;

export function openTable(bytes: u32, layout: u32, instructionBytes: u32, wordBytes: u32, functions: u32): void {
  size = bytes;
  version = layout;
  quantum = instructionBytes;
  pointerBytes = wordBytes;
  functionCount = functions;
  fieldBytes = layout >= u32(GO_1_18) ? 4 : wordBytes;
}

/** The table of functions is known to lie in the table. */
export function openParts(names: u32, units: u32, files: u32, values: u32, functions: u32, entries: u32): void {
  namesAt = names;
  unitsAt = units;
  filesAt = files;
  valuesAt = values;
  functionsAt = functions;
  tableAt = entries;
}

/** A 32-bit word; 0 past the table's end. */
export function wordAt(at: u64): u32 {
  return at + 4 <= size ? load<u32>(usize(at) + TABLE) : 0;
}

export function byteAt(at: u64): u32 {
  return at < size ? load<u8>(usize(at) + TABLE) : 0;
}

/** Where the record of a function is. */
export function recordOf(place: u32): u64 {
  const at = usize(tableAt) + (2 * usize(place) + 1) * usize(fieldBytes) + TABLE;
  return functionsAt + (fieldBytes === 8 ? load<u64>(at) : u64(load<u32>(at)));
}

/** A pointer that is known to lie in the table, as a number that the addresses of segments can be compared with. */
export function pointerAt(at: u64): f64 {
  const low = f64(wordAt(at));
  return pointerBytes === 8 ? low + f64(wordAt(at + 4)) * 4294967296.0 : low;
}

/** Whether trees of inlined calls are given by their addresses. */
export function hasPointers(): bool {
  return version === GO_1_16;
}

/** As `fetch`, for a place of the table. */
export function fetchAt(at: u64): void {
  if (at < size) fetch(usize(at) + TABLE);
}
