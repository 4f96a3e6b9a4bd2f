import { type Elf, type Section, SHF_EXECINSTR, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, sectionData } from "./elf.js";
import { InvalidBinaryError } from "./invalid-binary.js";
import { terminatedText } from "./terminated-text.js";

/** Most functions that are indexed per table: their place in it and their address have to fit into one double. */
const maxSymbols = 2 ** 21;
/** How many symbols before the nearest are looked at for one that still covers the address. */
const maxNesting = 8;

/** Added to what a label without a size covers. */
const UNSIZED = 2 ** 31;
const maxSize = 2 ** 31 - 1;

const STT_NOTYPE = 0;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;

/** Functions by address. Addresses are kept as offsets of 32 bits from the lowest segment. */
export interface SymbolTable {
  readonly count: number;
  /** Bytes of memory that the index keeps. */
  readonly byteSize: number;
  /** The place of the function at this address in the order of addresses; -1 where none is that has a name. */
  indexAt(address: number): number;
  /** The name as the file has it. */
  nameOf(index: number): string;
  /** Both together; undefined where no function is. */
  nameAt(address: number): string | undefined;
  /** Address of the function at this place in the order of addresses. */
  startAt(index: number): number;
}

/** Lowest address of a segment, or of a section that has one: where offsets begin. */
export function baseAddress(elf: Elf): number {
  let base: number | undefined;
  for (const { address, memorySize } of elf.segments) {
    if (memorySize > 0 && (base === undefined || address < base)) base = address;
  }
  if (base !== undefined) return base;
  for (const { address, flags } of elf.sections) {
    if ((flags & SHF_EXECINSTR) !== 0 && (base === undefined || address < base)) base = address;
  }
  return base ?? 0;
}

/** True if the file has the symbols that stripping removes. */
export function hasSymbolTable(elf: Elf): boolean {
  return elf.sections.some(({ type }) => type === SHT_SYMTAB);
}

/** Index of .symtab, or of .dynsym where there is no .symtab; undefined where the file has neither. */
export function readSymbolTable(elf: Elf, maxBytes: number): SymbolTable | undefined {
  return readSymbols(elf, hasSymbolTable(elf) ? SHT_SYMTAB : SHT_DYNSYM, maxBytes);
}

/** Index of one of the two; undefined where the file doesn't have it. */
export function readSymbols(elf: Elf, type: number, maxBytes: number): SymbolTable | undefined {
  const section = elf.sections.find((each) => each.type === type);
  if (!section) return undefined;
  const names = elf.sections[section.link];
  if (!names || names.type === SHT_NOBITS) throw new InvalidBinaryError("a symbol table without names");
  const found = collect(elf, section, maxBytes);
  const text = found.count > 0 ? sectionData(elf, names, maxBytes) : Buffer.alloc(0);
  return createSymbolTable(baseAddress(elf), found, text);
}

interface Found {
  count: number;
  starts: Uint32Array;
  sizes: Uint32Array;
  names: Uint32Array;
}

/** Functions of the table, in its order. */
function collect(elf: Elf, section: Section, maxBytes: number): Found {
  const table = sectionData(elf, section, maxBytes);
  const entryBytes = elf.is64 ? 24 : 16;
  if (section.entrySize !== 0 && section.entrySize !== entryBytes) {
    throw new InvalidBinaryError("symbols of an unknown size");
  }
  const total = Math.floor(table.length / entryBytes);
  const isFunction = functionTest(elf, table);
  let count = 0;
  for (let i = 0; i < total && count < maxSymbols; i++) if (isFunction(i * entryBytes)) count++;
  const found = {
    count: 0,
    starts: new Uint32Array(count),
    sizes: new Uint32Array(count),
    names: new Uint32Array(count),
  };
  const base = baseAddress(elf);
  const word = (at: number) => table.readUInt32LE(at) + (elf.is64 ? table.readUInt32LE(at + 4) * 4294967296 : 0);
  for (let i = 0; i < total && found.count < count; i++) {
    const at = i * entryBytes;
    if (!isFunction(at)) continue;
    const address = word(at + (elf.is64 ? 8 : 4));
    const offset = address - base;
    if (offset < 0 || offset > 0xffffffff) continue;
    const size = word(at + (elf.is64 ? 16 : 8));
    found.starts[found.count] = offset;
    found.sizes[found.count] = size > 0 ? Math.min(size, maxSize) : UNSIZED + reach(elf, table, at, address);
    found.names[found.count++] = table.readUInt32LE(at);
  }
  return found;
}

/** How far a label without a size can reach at most: to the end of its section. */
function reach(elf: Elf, table: Buffer, at: number, address: number): number {
  const section = elf.sections[table.readUInt16LE(at + (elf.is64 ? 6 : 14))];
  const bytes = section ? section.address + section.size - address : 1;
  return Math.min(Math.max(bytes, 1), maxSize);
}

/** Whether the symbol at a byte of the table is code: a function, or a label of a section that is executable. */
function functionTest(elf: Elf, table: Buffer): (at: number) => boolean {
  const executable = new Uint8Array(65_536);
  elf.sections.forEach(({ flags }, i) => {
    if (i < 0xff00 && (flags & SHF_EXECINSTR) !== 0) executable[i] = 1;
  });
  const infoAt = elf.is64 ? 4 : 12;
  return (at) => {
    const type = table[at + infoAt] & 15;
    const section = table.readUInt16LE(at + infoAt + 2);
    if (section === 0 || table.readUInt32LE(at) === 0) return false;
    if (type === STT_FUNC || type === STT_GNU_IFUNC) return true;
    return type === STT_NOTYPE && executable[section] === 1;
  };
}

/** Sorted by address without objects: address and place are packed into one double, which typed arrays sort natively. */
function order({ count, starts }: Found): Float64Array {
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = starts[i] * maxSymbols + i;
  return keys.sort();
}

function createSymbolTable(base: number, found: Found, text: Buffer): SymbolTable {
  const keys = order(found);
  const count = found.count;
  const starts = new Uint32Array(count);
  const sizes = new Uint32Array(count);
  const names = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const from = keys[i] % maxSymbols;
    starts[i] = found.starts[from];
    sizes[i] = found.sizes[from];
    names[i] = found.names[from];
  }
  const indexAt = (address: number): number => {
    const offset = address - base;
    const index = offset < 0 || offset > 0xffffffff ? -1 : covering(starts, sizes, offset, text, names);
    return index >= 0 && names[index] < text.length && text[names[index]] !== 0 ? index : -1;
  };
  const nameOf = (index: number): string => terminatedText(text, names[index]);
  return {
    count,
    byteSize: 12 * count + text.length,
    startAt: (index) => base + starts[index],
    indexAt,
    nameOf,
    nameAt(address) {
      const index = indexAt(address);
      return index < 0 ? undefined : nameOf(index);
    },
  };
}

/** Index of the last start <= value, or -1. */
function lastAtOrBefore(starts: Uint32Array, value: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (starts[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Of the symbols that begin at the same address the one with the plainest name wins; -1 where none covers `offset`. */
function covering(starts: Uint32Array, sizes: Uint32Array, offset: number, text: Buffer, names: Uint32Array): number {
  const nearest = lastAtOrBefore(starts, offset);
  let best = -1;
  for (let i = nearest; i >= 0 && i > nearest - maxNesting; i--) {
    if (best >= 0 && starts[i] !== starts[best]) break;
    // Code written by hand may have labels without a size: they reach to the next symbol.
    const size = sizes[i] < UNSIZED ? sizes[i] : starts[i] === starts[nearest] ? sizes[i] - UNSIZED : 0;
    if (offset - starts[i] >= size) continue;
    if (best < 0 || rank(sizes[i], text, names[i]) > rank(sizes[best], text, names[best])) best = i;
  }
  return best;
}

/** Sized symbols before labels, public names before those with underscores, an assembler's own (`$x`, `.L1`) last. */
function rank(size: number, text: Buffer, name: number): number {
  const first = text[name];
  if (first === 0x24 || first === 0x2e || first === undefined) return -1;
  let underscores = 0;
  while (underscores < 3 && text[name + underscores] === 0x5f) underscores++;
  const isMangled = underscores === 1 && (text[name + 1] === 0x5a || text[name + 1] === 0x52);
  return (size < UNSIZED ? 8 : 0) + (isMangled ? 4 : 3 - underscores);
}
