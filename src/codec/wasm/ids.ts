import { HASH_KEYS, HASH_LENGTH_KEY } from "../../pdata/wasm/layout";
import { IDS } from "./layout";
import { zeros } from "./memory";

/**
 * The ids of mappings, functions and locations (any uint64), each with a number that isn't 0. Ids below a limit stand in a
 * list, others in a hash table with open addressing: rows of the id and its number.
 */

const rowBytes: usize = 16;

/** What is kept of the table: its list, the limit, its rows, the number of the last row. */
function stateOf(table: u32): usize {
  return usize(IDS) + (usize(table) << 4);
}

/** Forgets the table's ids; `count` will come. */
export function openIds(table: u32, count: u32): void {
  const limit = u64(count) * 2 + 16;
  const at = stateOf(table);
  store<u32>(at, u32(zeros(limit << 2)));
  store<u32>(at + 4, u32(limit));
  store<u32>(at + 8, 0);
}

/** Where the number of a new id goes; 0 where the id is taken. */
export function claimId(table: u32, id: u64): usize {
  const at = stateOf(table);
  const limit = load<u32>(at + 4);
  if (id < u64(limit)) {
    const cell = usize(load<u32>(at)) + (usize(id) << 2);
    return load<u32>(cell) === 0 ? cell : 0;
  }
  if (load<u32>(at + 8) === 0) openRows(at, limit);
  const row = rowOf(at, id);
  if (load<u32>(row + 8) !== 0) return 0;
  store<u64>(row, id);
  return row + 8;
}

/** The number of this id; 0 where there is none. */
export function findId(table: u32, id: u64): u32 {
  const at = stateOf(table);
  if (id < u64(load<u32>(at + 4))) return load<u32>(usize(load<u32>(at)) + (usize(id) << 2));
  return load<u32>(at + 8) === 0 ? 0 : load<u32>(rowOf(at, id) + 8);
}

/** The list of ids below `idLimit`. */
export function idList(table: u32): usize {
  return usize(load<u32>(stateOf(table)));
}

export function idLimit(table: u32): u32 {
  return load<u32>(stateOf(table) + 4);
}

function openRows(at: usize, limit: u32): void {
  let rows: u32 = 32;
  // Half as many again as ids, at least.
  while (u64(rows) * 4 < u64(limit) * 3) rows <<= 1;
  store<u32>(at + 8, u32(zeros(u64(rows) * u64(rowBytes))));
  store<u32>(at + 12, rows - 1);
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
