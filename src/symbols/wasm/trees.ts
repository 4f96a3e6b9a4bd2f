import { GO_1_20, TABLE } from "./layout";
import { size, version } from "./table";

/** A call of a tree as the file has it: bytes, and where in them the offset of its name, its place, its line are. */
const newBytes: u32 = 16;
const oldBytes: u32 = 20;

/** Address of the line table, which has the trees in it from Go 1.27 on; before that they are elsewhere in the file. */
let tableAddress: f64 = 0;
let outsideAddress: f64 = 0;
let outsideAt: usize = 0;
let outsideBytes: f64 = 0;

/** Where the call has the name of its function, from the begin of all names on. */
export let nameOffset: u32 = 0;
/** Where it stands in the function that it is inlined into, as an offset; negative where it stands nowhere. */
export let parentPc: i32 = 0;
/** 0 where the table doesn't say. */
export let startLine: i32 = 0;

export function openTrees(tableFrom: f64, outsideFrom: f64, at: usize, bytes: u32): void {
  tableAddress = tableFrom;
  outsideAddress = outsideFrom;
  outsideAt = at;
  outsideBytes = bytes;
}

/** Reads a call of the tree at an address; false where there is none. */
export function openCall(tree: f64, number: i32): bool {
  const callBytes = version === GO_1_20 ? newBytes : oldBytes;
  const address = tree + f64(number) * f64(callBytes);
  let at = placeIn(address - tableAddress, f64(size) - f64(callBytes), TABLE);
  if (at === 0) at = placeIn(address - outsideAddress, outsideBytes - f64(callBytes), outsideAt);
  if (at === 0) return false;
  const isNew = version === GO_1_20;
  nameOffset = load<u32>(at + (isNew ? 4 : 12));
  parentPc = load<i32>(at + (isNew ? 8 : 16));
  startLine = isNew ? max(load<i32>(at + 12), 0) : 0;
  return i32(nameOffset) >= 0;
}

function placeIn(offset: f64, last: f64, start: usize): usize {
  return offset >= 0 && offset <= last ? start + usize(offset) : 0;
}
