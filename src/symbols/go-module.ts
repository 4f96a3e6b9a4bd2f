import { type Elf, fileRangeAt, SHT_NOBITS } from "./elf.js";
import type { GoTable } from "./go-table.js";
import { InvalidBinaryError } from "./invalid-binary.js";

/** What the runtime's module data know and the line table doesn't. */
export interface GoModule {
  /** Where offsets of functions count from. */
  readonly textStart: number;
  /** Where offsets of inline trees count from (go:func.*); undefined where it was not found. */
  readonly functionData: number | undefined;
}

/** Words of the module data up to the one that is wanted, by version of the table. */
const functionDataWord = { "1.2": 0, "1.16": 0, "1.18": 38, "1.20": 40 } as const;
/** From Go 1.27 on other words stand before it; the one behind it is where the line table ends, which holds the data. */
const newFunctionDataWord = 43;
const textWord = 22;
const sectionNames = [".go.module", ".noptrdata", ".data.rel.ro", ".data", ".go.data"];
/** Most bytes of writable data that are searched for the module data. */
const maxSearchBytes = 64 * 1024 * 1024;

/**
 * Finds runtime.firstmoduledata by its first words: the address of the line table, then that of the names in it. It is
 * in data that is relocated on start, so that in a position-independent executable the file may not have the words.
 */
export function findGoModule(elf: Elf, table: GoTable): GoModule {
  const text = elf.sections.find(({ name }) => name === ".text");
  const fallback = table.headerTextStart !== 0 ? table.headerTextStart : (text?.address ?? 0);
  const found = search(elf, table);
  return found ?? { textStart: fallback, functionData: undefined };
}

function search(elf: Elf, table: GoTable): GoModule | undefined {
  for (const [offset, size] of dataRanges(elf)) {
    if (size > maxSearchBytes || offset + size > elf.source.size) continue;
    const found = searchRange(elf, table, elf.source.read(offset, size));
    if (found) return found;
  }
  return undefined;
}

/** Sections with data of the runtime, the likeliest and smallest first, else what is writable. */
function dataRanges(elf: Elf): (readonly [number, number])[] {
  const filled = elf.sections.filter(({ type }) => type !== SHT_NOBITS);
  const named = sectionNames.flatMap((name) => filled.filter((section) => section.name === name));
  if (named.length > 0) return named.map(({ offset, size }) => [offset, size]);
  return elf.segments.filter(({ flags }) => (flags & 2) !== 0).map(({ offset, fileSize }) => [offset, fileSize]);
}

function searchRange(elf: Elf, table: GoTable, bytes: Buffer): GoModule | undefined {
  const { pointerBytes, address, namesAt } = table;
  const needed = (newFunctionDataWord + 2) * pointerBytes;
  const first = pointer(address, pointerBytes);
  for (let at = bytes.indexOf(first); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at % pointerBytes !== 0 || at + needed > bytes.length) continue;
    const word = (index: number) => readPointer(bytes, at + index * pointerBytes, pointerBytes);
    // Before 1.16 the table itself comes as a slice: no names of their own.
    if (table.version !== "1.2" && word(1) !== address + namesAt) continue;
    if (table.version === "1.2" || table.version === "1.16") return { textStart: 0, functionData: undefined };
    const functionData = word(isInTable(table, word) ? newFunctionDataWord : functionDataWord[table.version]);
    const textStart = word(textWord);
    return { textStart, functionData: fileRangeAt(elf, functionData) ? functionData : undefined };
  }
  return undefined;
}

function isInTable({ version, address, size }: GoTable, word: (index: number) => number): boolean {
  const data = word(newFunctionDataWord);
  const end = word(newFunctionDataWord + 1);
  return version === "1.20" && data >= address && data <= end && end <= address + size;
}

function pointer(value: number, pointerBytes: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(value % 4294967296, 0);
  out.writeUInt32LE(Math.floor(value / 4294967296), 4);
  return out.subarray(0, pointerBytes);
}

function readPointer(bytes: Buffer, at: number, pointerBytes: number): number {
  if (at < 0 || at + pointerBytes > bytes.length) throw new InvalidBinaryError("a pointer past the end of its table");
  return bytes.readUInt32LE(at) + (pointerBytes === 8 ? bytes.readUInt32LE(at + 4) * 4294967296 : 0);
}
