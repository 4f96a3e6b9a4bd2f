import { firstRecord, nextRecord, RECORD_HEAD, reach, reserve, top } from "./arena";
import { locationAt, moveBytes, moveStack, placeLocation, planMoves } from "./hot-locations";
import { slot } from "./indices";
import { BUILT, OUT_BYTES, OUT_COUNTS, SOURCE } from "./layout";
import { LOCATION, STACK } from "./numbers";
import { closeLength, copy, putVarint, SPARE, varintSize } from "./out";

/**
 * Writes the dictionary's content behind the records, table after table; BUILT tells where. False where the memory does
 * not reach. `growth` is what an index may take.
 */
export function writeDictionary(growth: u32): bool {
  const locations = load<u32>(slot(OUT_COUNTS, LOCATION));
  let bytes = moveBytes(locations) + u64(SPARE) + 16;
  for (let table: u32 = 1; table <= u32(STACK); table++) bytes += u64(load<u32>(slot(OUT_BYTES, table)));
  // Only stacks are written with other indices.
  bytes += u64(load<u32>(slot(OUT_BYTES, STACK))) * u64(growth);
  if (!reach(u64(top) + bytes)) return false;
  const work = (top + 7) & ~7;
  const isMoved = planMoves(work, locations);
  writeTables(work + usize(moveBytes(locations)), isMoved);
  return true;
}

/** As writeDictionary, with every entry where it is. */
export function writeAsItIs(): bool {
  let bytes: u64 = 0;
  for (let table: u32 = 1; table <= u32(STACK); table++) bytes += u64(load<u32>(slot(OUT_BYTES, table)));
  if (!reserve(bytes)) return false;
  writeTables(top, false);
  return true;
}

function writeTables(start: usize, isMoved: bool): void {
  openTables(start);
  for (let record = firstRecord; record < top; record = nextRecord(record)) {
    const table = load<u32>(record + 4) & 7;
    if (isMoved && table === u32(LOCATION)) placeLocation(record);
    else if (isMoved && table === u32(STACK)) writeMoved(record, usize(load<u32>(record + 4) >>> 3));
    else if (table !== 0) write(record, table);
  }
  const locations = load<u32>(slot(OUT_COUNTS, LOCATION));
  if (isMoved) for (let i: u32 = 0; i < locations; i++) write(locationAt(i), LOCATION);
  store<u32>(BUILT, u32(start));
  store<u32>(BUILT + 4, load<u32>(slot(SOURCE, STACK)));
}

/** Notes where each table begins; the stacks, whose bytes change, come last. */
function openTables(at: usize): void {
  for (let table: u32 = 1; table <= u32(STACK); table++) {
    store<u32>(slot(SOURCE, table), u32(at));
    at += usize(load<u32>(slot(OUT_BYTES, table)));
  }
}

/** Writes a record as the next entry of the table. */
function write(record: usize, table: u32): void {
  const next = slot(SOURCE, table);
  const length = load<u32>(record + 4) >>> 3;
  const at = usize(load<u32>(next));
  store<u8>(at, (table << 3) | 2);
  const content = putVarint(at + 1, length);
  copy(content, record + RECORD_HEAD, usize(length));
  store<u32>(next, u32(content + usize(length)));
}

function writeMoved(record: usize, length: usize): void {
  const next = slot(SOURCE, STACK);
  const at = usize(load<u32>(next));
  const room = varintSize(u32(length));
  store<u8>(at, (STACK << 3) | 2);
  const from = record + RECORD_HEAD;
  const end = moveStack(at + 1 + room, from, from + length);
  store<u32>(next, u32(closeLength(at + 1, room, end)));
}
