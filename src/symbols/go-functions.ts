import { createBlockReader } from "./blocks.js";
import { type Elf, fileRangeAt } from "./elf.js";
import type { Frame } from "./frame.js";
import { findGoModule, type GoModule } from "./go-module.js";
import { fieldBytes, type GoName, type GoRecord, goName, noOffset, readRecord } from "./go-record.js";
import type { GoTable } from "./go-table.js";
import { lastAtOrBefore } from "./symbol-table.js";

/** Records of functions that are remembered, and names of inlined ones. */
const maxRecords = 32_768;
/** What one costs beside its texts. */
const recordBytes = 160;
/** Deepest nesting of inlined calls that is followed: a tree that loops ends here. */
const maxInlineDepth = 128;

export interface GoFunctions {
  readonly count: number;
  readonly byteSize: number;
  /** Frames at an address, the innermost inlined one first; undefined where no Go function is. */
  framesAt(address: number): Frame[] | undefined;
  /** Address of the function at this place in the order of addresses. */
  startAt(index: number): number;
}

/** The file's content at a virtual address; undefined where it has none. */
type ReadAt = (address: number, length: number) => Buffer | undefined;

export function createGoFunctions(elf: Elf, table: GoTable): GoFunctions {
  const module = findGoModule(elf, table);
  const entries = readEntries(table, module);
  const read = createBlockReader(elf.source);
  const readAt: ReadAt = (address, length) => {
    const range = fileRangeAt(elf, address);
    return range && range[1] - range[0] >= length ? read(range[0], length) : undefined;
  };
  const records = new Remembered<GoRecord | undefined>((index) => readRecord(table, module, recordPlace(table, index)));
  const names = new Remembered((at) => goName(table.texts.at(at)));
  return {
    count: table.functionCount,
    get byteSize() {
      const remembered = recordBytes * (records.size + names.size);
      return (
        table.bytes.length + entries.offsets.byteLength + table.values.byteSize + table.texts.byteSize + remembered
      );
    },
    startAt: (index) => entries.base + entries.offsets[index],
    framesAt(address) {
      const index = functionAt(table, entries, address);
      const record = index < 0 ? undefined : records.get(index);
      return record && framesOf(readAt, table, names, record, address - entries.base - entries.offsets[index]);
    },
  };
}

/** What was read of places in a table; all of it is forgotten when it is too much. */
class Remembered<T> {
  private readonly known = new Map<number, T>();
  private readonly read: (place: number) => T;

  constructor(read: (place: number) => T) {
    this.read = read;
  }

  get size(): number {
    return this.known.size;
  }

  get(place: number): T {
    const known = this.known.get(place);
    if (known !== undefined) return known;
    const read = this.read(place);
    if (this.known.size >= maxRecords) this.known.clear();
    this.known.set(place, read);
    return read;
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

/** Index of the function that holds an address; -1 where none does. */
function functionAt(table: GoTable, { base, offsets }: Entries, address: number): number {
  const target = address - base;
  if (target < 0 || target > 0xffffffff) return -1;
  const index = lastAtOrBefore(offsets, target);
  return index < table.functionCount ? index : -1;
}

function recordPlace(table: GoTable, index: number): number {
  const size = fieldBytes(table);
  return table.functionsAt + wordOf(table.bytes, table.tableAt + (2 * index + 1) * size, size);
}

function framesOf(readAt: ReadAt, table: GoTable, names: Remembered<GoName>, record: GoRecord, pc: number): Frame[] {
  const frames: Frame[] = [];
  const { tree } = record;
  let at = pc;
  for (let depth = 0; tree && depth < maxInlineDepth; depth++) {
    const index = table.values.valueAt(tree.values, at);
    const call = index < 0 ? undefined : inlinedCall(readAt, table, tree.address, index);
    if (!call) break;
    const name = names.get(call.nameAt);
    if (name.name === "") break;
    frames.push(frameAt(table, record, name, at, call.startLine));
    if (call.parentPc < 0 || call.parentPc === at) break;
    at = call.parentPc;
  }
  if (record.name !== "") frames.push(frameAt(table, record, record, at, record.startLine));
  return frames;
}

function frameAt(table: GoTable, record: GoRecord, { name, systemName }: GoName, pc: number, startLine: number): Frame {
  const line = Math.max(table.values.valueAt(record.lines, pc), 0);
  return { name, systemName, file: fileAt(table, record, pc), line, startLine };
}

function fileAt(table: GoTable, { files, unit }: GoRecord, pc: number): string {
  const { bytes, version, filesAt, unitsAt } = table;
  const index = table.values.valueAt(files, pc);
  if (version === "1.2") {
    const at = filesAt + 4 * index;
    return index > 0 && at + 4 <= bytes.length ? table.texts.at(bytes.readUInt32LE(at)) : "";
  }
  const at = unitsAt + 4 * (unit + index);
  if (index < 0 || unit === noOffset || at + 4 > bytes.length) return "";
  const offset = bytes.readUInt32LE(at);
  return offset === noOffset ? "" : table.texts.at(filesAt + offset);
}

interface InlinedCall {
  readonly nameAt: number;
  readonly parentPc: number;
  readonly startLine: number;
}

function inlinedCall(readAt: ReadAt, table: GoTable, tree: number, index: number): InlinedCall | undefined {
  const isNew = table.version === "1.20";
  const size = isNew ? 16 : 20;
  const call = readAt(tree + index * size, size);
  if (!call) return undefined;
  const nameOffset = call.readInt32LE(isNew ? 4 : 12);
  if (nameOffset < 0) return undefined;
  const parentPc = call.readInt32LE(isNew ? 8 : 16);
  return { nameAt: table.namesAt + nameOffset, parentPc, startLine: isNew ? Math.max(call.readInt32LE(12), 0) : 0 };
}
