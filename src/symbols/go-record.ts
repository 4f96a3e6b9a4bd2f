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
const maxTablesByPc = 64;
export const noOffset = 0xffffffff;

/** A function's tables by pc: lines, numbers of files, and which call is inlined. */
export const LINES = 0;
export const FILES = 1;
export const CALLS = 2;
export const tablesOfFunction = 3;

/** What the table's record of a function says, one function after the other. Places are bytes of the table. */
export class GoRecord {
  nameAt = 0;
  /** 0 where the table doesn't say. */
  startLine = 0;
  /** Where its tables by pc are; 0 is none. */
  readonly tablesAt = [0, 0, 0];
  /** Where its numbers of files count from. */
  unit = 0;
  /** Address of the calls that are inlined. */
  treeAddress = 0;
  private readonly table: GoTable;
  private readonly module: GoModule;
  private readonly entryBytes: number;

  constructor(table: GoTable, module: GoModule) {
    this.table = table;
    this.module = module;
    this.entryBytes = fieldBytes(table);
  }

  /** Reads the record that begins at byte `at`; false where it doesn't fit in. */
  open(at: number): boolean {
    const { bytes, version, namesAt, valuesAt } = this.table;
    if (at + this.entryBytes + 4 * smallestWords > bytes.length) return false;
    this.nameAt = namesAt + this.word(at, NAME);
    this.startLine = version === "1.20" ? Math.max(this.word(at, START_LINE) | 0, 0) : 0;
    this.tablesAt[LINES] = valuesAt + this.word(at, PCLN);
    this.tablesAt[FILES] = valuesAt + this.word(at, PCFILE);
    this.unit = this.word(at, UNIT);
    this.tablesAt[CALLS] = 0;
    if (version !== "1.2") this.openTree(at);
    return true;
  }

  /** The record is followed by offsets of tables by pc, then by those of other data, the inline tree among them. */
  private openTree(record: number): void {
    const { bytes, version, view, valuesAt } = this.table;
    const tablesByPc = this.word(record, NPCDATA);
    const lists = record + this.entryBytes + 4 * (version === "1.20" ? 9 : 8) + 4;
    if (lists > bytes.length || tablesByPc <= INLINE_TREE_PCDATA || tablesByPc > maxTablesByPc) return;
    const valuesOffsetAt = lists + 4 * INLINE_TREE_PCDATA;
    if (bytes[lists - 1] <= INLINE_TREE_FUNCDATA || valuesOffsetAt + 4 > bytes.length) return;
    const offset = view.getUint32(valuesOffsetAt, true);
    const address = offset === 0 ? undefined : this.treeIn(lists + 4 * tablesByPc);
    if (address === undefined) return;
    this.tablesAt[CALLS] = valuesAt + offset;
    this.treeAddress = address;
  }

  private treeIn(list: number): number | undefined {
    const { bytes, version, view, pointerBytes } = this.table;
    if (version === "1.16") {
      // Whole pointers, aligned.
      const at = Math.ceil(list / pointerBytes) * pointerBytes + INLINE_TREE_FUNCDATA * pointerBytes;
      return at + pointerBytes <= bytes.length ? readPointer(bytes, at, pointerBytes) : undefined;
    }
    const at = list + 4 * INLINE_TREE_FUNCDATA;
    const offset = at + 4 <= bytes.length ? view.getUint32(at, true) : noOffset;
    const { functionData } = this.module;
    return offset === noOffset || functionData === undefined ? undefined : functionData + offset;
  }

  /** A 32-bit word of the record; 0 past the table's end. */
  private word(record: number, index: number): number {
    const { bytes, view } = this.table;
    const at = record + this.entryBytes + 4 * index;
    return at + 4 <= bytes.length ? view.getUint32(at, true) : 0;
  }
}

/** Bytes of one entry or offset in the table of functions. */
export function fieldBytes({ version, pointerBytes }: GoTable): number {
  return version === "1.18" || version === "1.20" ? 4 : pointerBytes;
}

/** The name as Go's runtime and so `go tool pprof` writes it: type arguments, which are shapes, become dots. */
export function goName(inTable: string): string {
  const open = inTable.indexOf("[");
  const close = open < 0 ? -1 : inTable.lastIndexOf("]");
  return close <= open ? inTable : `${inTable.slice(0, open)}[...]${inTable.slice(close + 1)}`;
}
