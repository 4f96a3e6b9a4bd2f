import type { Elf } from "./elf.js";
import { GoCalls } from "./go-calls.js";
import type { GoFrames } from "./go-frames.js";
import { findGoModule, type GoModule } from "./go-module.js";
import { fieldBytes, GoRecord, tablesOfFunction } from "./go-record.js";
import type { GoTable } from "./go-table.js";
import { PcTables } from "./pc-tables.js";

/** Where functions begin. */
export interface GoStarts {
  readonly count: number;
  /** Address of the function at this place in the order of addresses. */
  startAt(place: number): number;
}

export function goStarts(elf: Elf, table: GoTable): GoStarts {
  const { base, offsets } = readEntries(table, findGoModule(elf, table));
  return { count: table.functionCount, startAt: (place) => base + offsets[place] };
}

/** The functions of a binary's line table. Methods rather than functions of each binary, so that one piece of machine code does for all. */
export class GoFunctions {
  readonly table: GoTable;
  readonly module: GoModule;
  readonly calls: GoCalls;
  /** Its tables by pc. */
  readonly values: PcTables;
  private readonly entries: Entries;

  constructor(elf: Elf, table: GoTable) {
    this.table = table;
    this.module = findGoModule(elf, table);
    this.entries = readEntries(table, this.module);
    this.values = readValues(table, this.module);
    this.calls = new GoCalls(elf, table);
  }

  get count(): number {
    return this.table.functionCount;
  }

  get byteSize(): number {
    return this.table.bytes.length + this.entries.offsets.byteLength + this.values.byteSize;
  }

  /** Adds the frames at an address to an answer; false where no Go function is. Quickest for addresses in order. */
  addFrames(address: number, frames: GoFrames): boolean {
    const { base, offsets } = this.entries;
    const offset = address - base;
    if (offset < 0 || offset > 0xffffffff) return false;
    const place = lastAtOrBefore(offsets, offset, frames.place);
    if (place < 0 || place >= this.table.functionCount) return false;
    if (place !== frames.place) frames.open(place, recordPlace(this.table, place));
    return frames.add(offset - offsets[place]);
  }
}

function wordOf(bytes: Buffer, at: number, size: number): number {
  return bytes.readUInt32LE(at) + (size === 8 ? bytes.readUInt32LE(at + 4) * 4294967296 : 0);
}

interface Entries {
  readonly base: number;
  /** Where the functions begin, and behind them where the last one ends: offsets from `base`. */
  readonly offsets: Uint32Array;
}

function readEntries(table: GoTable, { textStart }: GoModule): Entries {
  const { bytes, tableAt, functionCount, version } = table;
  const size = fieldBytes(table);
  const isOffset = version === "1.18" || version === "1.20";
  const first = isOffset || functionCount === 0 ? 0 : wordOf(bytes, tableAt, size);
  const offsets = new Uint32Array(functionCount + 1);
  for (let i = 0; i <= functionCount; i++) {
    const offset = wordOf(bytes, tableAt + 2 * i * size, size) - first;
    offsets[i] = Math.min(Math.max(offset, 0), 0xffffffff);
  }
  return { base: isOffset ? textStart : first, offsets };
}

function readValues(table: GoTable, module: GoModule): PcTables {
  const record = new GoRecord(table, module);
  const starts = new Uint32Array(tablesOfFunction * table.functionCount);
  for (let place = 0; place < table.functionCount; place++) {
    if (record.open(recordPlace(table, place))) starts.set(record.tablesAt, tablesOfFunction * place);
  }
  return new PcTables(table.bytes, table.quantum, tablesOfFunction, starts);
}

/** Index of the last start <= value, or -1; quick where it is not far behind `near`. */
function lastAtOrBefore(starts: Uint32Array, value: number, near: number): number {
  let low = 0;
  let high = starts.length;
  if (near >= 0 && starts[near] <= value) {
    low = near + 1;
    for (let step = 1; low + step < high; step *= 2) {
      if (starts[low + step] > value) high = low + step;
      else low += step;
    }
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function recordPlace(table: GoTable, index: number): number {
  const { view, functionsAt, tableAt, version, pointerBytes } = table;
  if (version === "1.18" || version === "1.20") return functionsAt + view.getUint32(tableAt + 8 * index + 4, true);
  return functionsAt + wordOf(table.bytes, tableAt + (2 * index + 1) * pointerBytes, pointerBytes);
}
