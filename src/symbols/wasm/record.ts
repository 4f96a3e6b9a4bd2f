import { GO_1_2, GO_1_20, TABLE } from "./layout";
import {
  byteAt,
  fieldBytes,
  hasPointers,
  namesAt,
  pointerAt,
  pointerBytes,
  size,
  valuesAt,
  version,
  wordAt,
} from "./table";

/** Words of a function's record behind its entry. */
const NAME: usize = 0;
const PCFILE: usize = 4;
const PCLN: usize = 5;
const NPCDATA: usize = 6;
const UNIT: usize = 7;
const START_LINE: usize = 8;
/** Words that are always there. */
const smallestWords: u64 = 10;
const INLINE_TREE_PCDATA: u64 = 2;
const INLINE_TREE_FUNCDATA: u64 = 3;
const maxTablesByPc: u32 = 64;
export const noOffset: u32 = 0xffffffff;

/** What the table's record of a function says, one function after the other. */
export let nameAt: u64 = 0;
/** 0 where the table doesn't say. */
export let startLine: i32 = 0;
/** Where its numbers of files count from. */
export let unit: u32 = 0;
/** Where its tables by pc begin; 0 is none. */
export let lines: u64 = 0;
export let files: u64 = 0;
export let calls: u64 = 0;
/** Address of the calls that are inlined, if it has a table of them. */
export let tree: f64 = 0;

/** Where offsets of trees count from; negative where it isn't known. */
let functionData: f64 = -1;

export function openRecords(treesFrom: f64): void {
  functionData = treesFrom;
}

/** Reads the record at a place of the table; false where it doesn't fit in. */
export function openRecord(record: u64): bool {
  const words = record + fieldBytes;
  // A place may be any number of 64 bits.
  if (record > size || words + 4 * smallestWords > size) return false;
  const at = usize(words) + TABLE;
  nameAt = namesAt + load<u32>(at + 4 * NAME);
  startLine = version === GO_1_20 ? max(load<i32>(at + 4 * START_LINE), 0) : 0;
  lines = valuesAt + load<u32>(at + 4 * PCLN);
  files = valuesAt + load<u32>(at + 4 * PCFILE);
  unit = load<u32>(at + 4 * UNIT);
  calls = 0;
  if (version !== GO_1_2) openTree(words, load<u32>(at + 4 * NPCDATA));
  return true;
}

/** The record is followed by offsets of tables by pc, then by those of other data, the inline tree among them. */
function openTree(words: u64, tablesByPc: u32): void {
  const lists = words + 4 * (version === GO_1_20 ? 9 : 8) + 4;
  if (tablesByPc <= u32(INLINE_TREE_PCDATA) || tablesByPc > maxTablesByPc) return;
  const offsetAt = lists + 4 * INLINE_TREE_PCDATA;
  if (byteAt(lists - 1) <= u32(INLINE_TREE_FUNCDATA) || offsetAt + 4 > size) return;
  const offset = wordAt(offsetAt);
  if (offset !== 0 && findTree(lists + 4 * u64(tablesByPc))) calls = valuesAt + offset;
}

function findTree(list: u64): bool {
  if (hasPointers()) {
    // Whole pointers, aligned.
    const last = u64(pointerBytes - 1);
    const at = ((list + last) & ~last) + INLINE_TREE_FUNCDATA * pointerBytes;
    if (at + pointerBytes > size) return false;
    tree = pointerAt(at);
    return true;
  }
  const at = list + 4 * INLINE_TREE_FUNCDATA;
  if (at + 4 > size || functionData < 0) return false;
  const offset = wordAt(at);
  tree = functionData + f64(offset);
  return offset !== noOffset;
}
