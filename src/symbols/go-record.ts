import { type GoModule, readPointer } from "./go-module.js";
import type { GoTable } from "./go-table.js";

/** Words of a function's record behind its entry. */
const NAME = 0;
const PCFILE = 4;
const PCLN = 5;
const NPCDATA = 6;
const UNIT = 7;
const START_LINE = 8;
/** Words that are always there. */
const smallestWords = 10;
const INLINE_TREE_PCDATA = 2;
const INLINE_TREE_FUNCDATA = 3;
export const noOffset = 0xffffffff;

export interface GoName {
  readonly name: string;
  /** As the table has it, where that is another. */
  readonly systemName: string;
}

/** What the table's record of a function says. */
export interface GoRecord extends GoName {
  readonly startLine: number;
  /** Places of its tables by pc. */
  readonly lines: number;
  readonly files: number;
  /** Where its numbers of files count from. */
  readonly unit: number;
  readonly tree: InlineTree | undefined;
}

export interface InlineTree {
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

/** The record that begins at byte `at` of the table; undefined where it doesn't fit in. */
export function readRecord(table: GoTable, module: GoModule, at: number): GoRecord | undefined {
  if (at + fieldBytes(table) + 4 * smallestWords > table.bytes.length) return undefined;
  return {
    ...goName(table.texts.at(table.namesAt + field(table, at, NAME))),
    startLine: table.version === "1.20" ? Math.max(field(table, at, START_LINE) | 0, 0) : 0,
    lines: table.valuesAt + field(table, at, PCLN),
    files: table.valuesAt + field(table, at, PCFILE),
    unit: field(table, at, UNIT),
    tree: inlineTree(table, module, at),
  };
}

/** Bytes of one entry or offset in the table of functions. */
export function fieldBytes({ version, pointerBytes }: GoTable): number {
  return version === "1.18" || version === "1.20" ? 4 : pointerBytes;
}

/** A 32-bit word of a function's record; 0 past the table's end. */
function field(table: GoTable, record: number, index: number): number {
  const at = record + fieldBytes(table) + 4 * index;
  return at + 4 <= table.bytes.length ? table.bytes.readUInt32LE(at) : 0;
}

/** The name as Go's runtime and so `go tool pprof` writes it: type arguments, which are shapes, become dots. */
export function goName(inTable: string): GoName {
  const open = inTable.indexOf("[");
  const close = open < 0 ? -1 : inTable.lastIndexOf("]");
  if (close <= open) return { name: inTable, systemName: "" };
  return { name: `${inTable.slice(0, open)}[...]${inTable.slice(close + 1)}`, systemName: inTable };
}
