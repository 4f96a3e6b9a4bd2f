import { createBlockReader } from "./blocks.js";
import { type Elf, fileRangeAt } from "./elf.js";
import type { Frame } from "./frame.js";
import { findGoModule, type GoModule, readPointer } from "./go-module.js";
import type { GoTable } from "./go-table.js";
import { lastAtOrBefore } from "./symbol-table.js";

/** Words of a function's record behind its entry. */
const NAME = 0;
const PCFILE = 4;
const PCLN = 5;
const NPCDATA = 6;
const UNIT = 7;
const START_LINE = 8;
const INLINE_TREE_PCDATA = 2;
const INLINE_TREE_FUNCDATA = 3;
const noOffset = 0xffffffff;
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

interface Found {
  /** Where the function's record is in the table. */
  readonly record: number;
  /** The address as an offset from the function's entry. */
  readonly pc: number;
}

export function createGoFunctions(elf: Elf, table: GoTable): GoFunctions {
  const module = findGoModule(elf, table);
  const entries = readEntries(table, module);
  const read = createBlockReader(elf.source);
  const readAt: ReadAt = (address, length) => {
    const range = fileRangeAt(elf, address);
    return range && range[1] - range[0] >= length ? read(range[0], length) : undefined;
  };
  return {
    count: table.functionCount,
    get byteSize() {
      return table.bytes.length + entries.offsets.byteLength + table.values.byteSize + table.texts.byteSize;
    },
    startAt: (index) => entries.base + entries.offsets[index],
    framesAt(address) {
      const found = findFunction(table, entries, address);
      return found && framesOf(readAt, table, module, found);
    },
  };
}

/** Bytes of one entry or offset in the table of functions. */
function fieldBytes({ version, pointerBytes }: GoTable): number {
  return version === "1.18" || version === "1.20" ? 4 : pointerBytes;
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

function findFunction(table: GoTable, { base, offsets }: Entries, address: number): Found | undefined {
  const target = address - base;
  if (target < 0 || target > 0xffffffff) return undefined;
  const index = lastAtOrBefore(offsets, target);
  if (index < 0 || index >= table.functionCount) return undefined;
  const size = fieldBytes(table);
  const record = table.functionsAt + wordOf(table.bytes, table.tableAt + (2 * index + 1) * size, size);
  const pc = target - offsets[index];
  return record + size + 4 * 9 + 4 <= table.bytes.length ? { record, pc } : undefined;
}

/** A 32-bit word of a function's record; 0 past the table's end. */
function field(table: GoTable, record: number, index: number): number {
  const at = record + fieldBytes(table) + 4 * index;
  return at + 4 <= table.bytes.length ? table.bytes.readUInt32LE(at) : 0;
}

function framesOf(readAt: ReadAt, table: GoTable, module: GoModule, { record, pc }: Found): Frame[] {
  const frames: Frame[] = [];
  let at = pc;
  const tree = inlineTree(table, module, record);
  for (let depth = 0; tree && depth < maxInlineDepth; depth++) {
    const index = table.values.valueAt(tree.values, at);
    const call = index < 0 ? undefined : inlinedCall(readAt, table, tree.address, index);
    if (!call || call.name === "") break;
    frames.push({ ...goNames(call.name), ...positionAt(table, record, at), startLine: call.startLine });
    if (call.parentPc < 0 || call.parentPc === at) break;
    at = call.parentPc;
  }
  const name = table.texts.at(table.namesAt + field(table, record, NAME));
  const startLine = table.version === "1.20" ? field(table, record, START_LINE) | 0 : 0;
  if (name !== "") frames.push({ ...goNames(name), ...positionAt(table, record, at), startLine });
  return frames;
}

/** The name as Go's runtime and so `go tool pprof` writes it: type arguments, which are shapes, become dots. */
function goNames(inTable: string): { name: string; systemName: string } {
  const open = inTable.indexOf("[");
  const close = open < 0 ? -1 : inTable.lastIndexOf("]");
  if (close <= open) return { name: inTable, systemName: "" };
  return { name: `${inTable.slice(0, open)}[...]${inTable.slice(close + 1)}`, systemName: inTable };
}

function positionAt(table: GoTable, record: number, pc: number): { file: string; line: number } {
  const line = table.values.valueAt(table.valuesAt + field(table, record, PCLN), pc);
  return { file: fileAt(table, record, pc), line: Math.max(line, 0) };
}

function fileAt(table: GoTable, record: number, pc: number): string {
  const { bytes, version, filesAt, unitsAt } = table;
  const index = table.values.valueAt(table.valuesAt + field(table, record, PCFILE), pc);
  if (version === "1.2") {
    const at = filesAt + 4 * index;
    return index > 0 && at + 4 <= bytes.length ? table.texts.at(bytes.readUInt32LE(at)) : "";
  }
  const unit = field(table, record, UNIT);
  const at = unitsAt + 4 * (unit + index);
  if (index < 0 || unit === noOffset || at + 4 > bytes.length) return "";
  const offset = bytes.readUInt32LE(at);
  return offset === noOffset ? "" : table.texts.at(filesAt + offset);
}

interface InlineTree {
  /** Where the table is that says which call is inlined at a pc. */
  readonly values: number;
  /** Where the calls are. */
  readonly address: number;
}

/** The record is followed by offsets of tables by pc, then by those of other data, the inline tree among them. */
function inlineTree(table: GoTable, module: GoModule, record: number): InlineTree | undefined {
  const { bytes, version } = table;
  if (version === "1.2") return undefined;
  const tablesByPc = field(table, record, NPCDATA);
  const head = fieldBytes(table) + 4 * (version === "1.20" ? 9 : 8) + 4;
  const lists = record + head;
  if (lists > bytes.length || tablesByPc <= INLINE_TREE_PCDATA || tablesByPc > 64) return undefined;
  if (bytes[lists - 1] <= INLINE_TREE_FUNCDATA) return undefined;
  const valuesAt = lists + 4 * INLINE_TREE_PCDATA;
  if (valuesAt + 4 > bytes.length) return undefined;
  const offset = bytes.readUInt32LE(valuesAt);
  const address = treeAddress(table, module, lists + 4 * tablesByPc);
  return offset !== 0 && address !== undefined ? { values: table.valuesAt + offset, address } : undefined;
}

function treeAddress(table: GoTable, { functionData }: GoModule, list: number): number | undefined {
  const { bytes, version, pointerBytes } = table;
  if (version === "1.16") {
    // Whole pointers, aligned.
    const at = Math.ceil(list / pointerBytes) * pointerBytes + INLINE_TREE_FUNCDATA * pointerBytes;
    return at + pointerBytes <= bytes.length ? readPointer(bytes, at, pointerBytes) : undefined;
  }
  const at = list + 4 * INLINE_TREE_FUNCDATA;
  const offset = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : noOffset;
  return offset === noOffset || functionData === undefined ? undefined : functionData + offset;
}

interface InlinedCall {
  readonly name: string;
  readonly parentPc: number;
  readonly startLine: number;
}

function inlinedCall(readAt: ReadAt, table: GoTable, tree: number, index: number): InlinedCall | undefined {
  const size = table.version === "1.20" ? 16 : 20;
  const call = readAt(tree + index * size, size);
  if (!call) return undefined;
  const isNew = table.version === "1.20";
  const nameOffset = call.readInt32LE(isNew ? 4 : 12);
  if (nameOffset < 0) return undefined;
  const parentPc = call.readInt32LE(isNew ? 8 : 16);
  return { name: table.texts.at(table.namesAt + nameOffset), parentPc, startLine: isNew ? call.readInt32LE(12) : 0 };
}
