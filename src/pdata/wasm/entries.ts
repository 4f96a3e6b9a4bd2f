import { openArena, RECORD_HEAD, reserve, top } from "./arena";
import { addZeroEntries, clearEntries, growRows, intern, reserveEntry } from "./intern";
import { INPUT } from "./layout";

/** A dictionary that grows entry by entry, each put here by the caller. It is written by writeAsItIs. */

export function openDictionary(): bool {
  openArena(INPUT);
  clearEntries();
  if (!reserve(8192)) return false;
  growRows(64);
  addZeroEntries();
  return true;
}

/** Where the caller puts the content of the next entry; 0 where the memory can't be had. */
export function entryRoom(bytes: u32): usize {
  return reserveEntry(bytes) ? top + RECORD_HEAD : 0;
}

/** Index of the entry whose content was put where `entryRoom` said. */
export function addEntry(table: u32, bytes: u32): u32 {
  const start = top + RECORD_HEAD;
  return intern(table, start, start + usize(bytes));
}
