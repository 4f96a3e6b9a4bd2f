import { HASH_KEYS, HASH_LENGTH_KEY } from "../../pdata/wasm/layout";
import { IDS } from "./layout";
import { takeBytes } from "./parts";

/**
 * The ids of mappings, functions and locations (any uint64), each with the position of its entry. Ids below a limit stand
 * in a list, others in a hash table with open addressing: rows of the id and its position. Positions are kept plus one.
 */

const rowBytes: usize = 16;

/** What is kept of the table: its list, the limit, its rows, the number of the last row. */
function stateOf(table: u32): usize {
  return usize(IDS) + (usize(table) << 4);
}

/** Forgets the table's ids; `count` will come. False where the memory can't be had. */
export function openIds(table: u32, count: u32): bool {
  const limit = u64(count) * 2 + 16;
  const list = takeBytes(limit << 2);
  if (list === 0) return false;
  memory.fill(list, 0, usize(limit) << 2);
  const at = stateOf(table);
  store<u32>(at, u32(list));
  store<u32>(at + 4, u32(limit));
  store<u32>(at + 8, 0);
  return true;
}

/** Notes an id; false where it is taken, or the memory can't be had. */
export function addId(table: u32, id: u64, position: u32): bool {
  const at = stateOf(table);
  const limit = load<u32>(at + 4);
  if (id < u64(limit)) {
    const slot = usize(load<u32>(at)) + (usize(id) << 2);
    if (load<u32>(slot) !== 0) return false;
    store<u32>(slot, position + 1);
    return true;
  }
  if (load<u32>(at + 8) === 0 && !openRows(at, limit)) return false;
  const row = rowOf(at, id);
  if (load<u32>(row + 8) !== 0) return false;
  store<u64>(row, id);
  store<u32>(row + 8, position + 1);
  return true;
}

/** Position of the entry with this id, or -1. */
export function findId(table: u32, id: u64): i32 {
  const at = stateOf(table);
  if (id < u64(load<u32>(at + 4))) return i32(load<u32>(usize(load<u32>(at)) + (usize(id) << 2))) - 1;
  return load<u32>(at + 8) === 0 ? -1 : i32(load<u32>(rowOf(at, id) + 8)) - 1;
}

/** The list of ids below `idLimit`. */
export function idList(table: u32): usize {
  return usize(load<u32>(stateOf(table)));
}
export function idLimit(table: u32): u32 {
  return load<u32>(stateOf(table) + 4);
}

function openRows(at: usize, least: u32): bool {
  let rows: u32 = 32;
  while (rows < least) rows <<= 1;
  const start = takeBytes(u64(rows) * u64(rowBytes));
  if (start === 0) return false;
  memory.fill(start, 0, usize(rows) * rowBytes);
  store<u32>(at + 8, u32(start));
  store<u32>(at + 12, rows - 1);
  return true;
}

/** The row of this id, or the free one where it goes. Keys are drawn at random: a sender can't choose ids that collide. */
function rowOf(at: usize, id: u64): usize {
  const rows = usize(load<u32>(at + 8));
  const last = load<u32>(at + 12);
  const mixed = (id ^ load<u64>(HASH_KEYS)) * load<u64>(HASH_LENGTH_KEY);
  let i = u32(((mixed ^ (mixed >>> 29)) * load<u64>(HASH_LENGTH_KEY)) >>> 32) & last;
  let row = rows + usize(i) * rowBytes;
  while (load<u32>(row + 8) !== 0 && load<u64>(row) !== id) {
    i = (i + 1) & last;
    row = rows + usize(i) * rowBytes;
  }
  return row;
}
