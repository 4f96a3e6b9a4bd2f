import * as zlib from "node:zlib";
import type { ByteSource } from "./byte-source.js";
import { InvalidBinaryError } from "./invalid-binary.js";
import type { Segment } from "./segments.js";

export interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly entrySize: number;
}

export interface Elf {
  readonly source: ByteSource;
  readonly is64: boolean;
  /** e_type: 2 = executable, 3 = shared object or position-independent executable. */
  readonly type: number;
  /** e_machine: 62 = x86-64, 183 = arm64. */
  readonly machine: number;
  /** PT_LOAD, in the file's order. */
  readonly segments: readonly Segment[];
  /** PT_NOTE as [offset, size] of the file. */
  readonly notes: readonly (readonly [number, number])[];
  readonly sections: readonly Section[];
  /** True if there is a PT_INTERP or PT_DYNAMIC. */
  readonly isDynamic: boolean;
}

export const SHT_SYMTAB = 2;
export const SHT_NOTE = 7;
export const SHT_NOBITS = 8;
export const SHT_DYNSYM = 11;
export const SHF_EXECINSTR = 4;
const SHF_COMPRESSED = 0x800;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;

const maxSegments = 4096;
const maxSections = 131_072;
const maxSectionNameBytes = 16 * 1024 * 1024;

/**
 * A 64-bit number of the file. It is exact up to 2^53, which no offset, size or address of a program exceeds; what is
 * larger stays too large for any file.
 */
function size64(buf: Buffer, at: number): number {
  return buf.readUInt32LE(at) + buf.readUInt32LE(at + 4) * 4294967296;
}

interface Header {
  readonly is64: boolean;
  readonly type: number;
  readonly machine: number;
  readonly phoff: number;
  readonly phentsize: number;
  readonly phnum: number;
  readonly shoff: number;
  readonly shentsize: number;
  readonly shnum: number;
  readonly shstrndx: number;
}

function readHeader(source: ByteSource): Header {
  const head = source.read(0, Math.min(source.size, 64));
  if (head.length < 52 || head.readUInt32BE(0) !== 0x7f454c46) throw new InvalidBinaryError("not an ELF file");
  const is64 = head[4] === 2;
  if (!is64 && head[4] !== 1) throw new InvalidBinaryError("neither a 32-bit nor a 64-bit ELF file");
  if (head[5] !== 1) throw new InvalidBinaryError("a big-endian ELF file, which is not supported");
  if (is64 && head.length < 64) throw new InvalidBinaryError("a truncated ELF header");
  const at = is64 ? 54 : 42;
  return {
    is64,
    type: head.readUInt16LE(16),
    machine: head.readUInt16LE(18),
    phoff: is64 ? size64(head, 32) : head.readUInt32LE(28),
    shoff: is64 ? size64(head, 40) : head.readUInt32LE(32),
    phentsize: head.readUInt16LE(at),
    phnum: head.readUInt16LE(at + 2),
    shentsize: head.readUInt16LE(at + 4),
    shnum: head.readUInt16LE(at + 6),
    shstrndx: head.readUInt16LE(at + 8),
  };
}

/** Reads the headers. Throws InvalidBinaryError; nothing in the file is trusted to be where or as large as it says. */
export function parseElf(source: ByteSource): Elf {
  const header = readHeader(source);
  const sections = readSections(source, header);
  const segments: Segment[] = [];
  const notes: [number, number][] = [];
  let isDynamic = false;
  for (const program of readPrograms(source, header)) {
    if (program.type === PT_LOAD) segments.push(program.segment);
    else if (program.type === PT_NOTE) notes.push([program.segment.offset, program.segment.fileSize]);
    else if (program.type === PT_DYNAMIC || program.type === PT_INTERP) isDynamic = true;
  }
  return {
    source,
    is64: header.is64,
    type: header.type,
    machine: header.machine,
    segments,
    notes,
    sections,
    isDynamic,
  };
}

function readPrograms(source: ByteSource, header: Header): { type: number; segment: Segment }[] {
  const { is64, phoff, phnum, phentsize } = header;
  if (phoff === 0 || phnum === 0) return [];
  if (phnum > maxSegments) throw new InvalidBinaryError("too many program headers");
  if (phentsize < (is64 ? 56 : 32)) throw new InvalidBinaryError("program headers too small to be any");
  const table = source.read(phoff, phnum * phentsize);
  return Array.from({ length: phnum }, (_, i) => {
    const at = i * phentsize;
    const type = table.readUInt32LE(at);
    const segment = is64
      ? {
          flags: table.readUInt32LE(at + 4),
          offset: size64(table, at + 8),
          address: size64(table, at + 16),
          fileSize: size64(table, at + 32),
          memorySize: size64(table, at + 40),
        }
      : {
          flags: table.readUInt32LE(at + 24),
          offset: table.readUInt32LE(at + 4),
          address: table.readUInt32LE(at + 8),
          fileSize: table.readUInt32LE(at + 16),
          memorySize: table.readUInt32LE(at + 20),
        };
    return { type, segment };
  });
}

type Unnamed = Omit<Section, "name"> & { readonly nameAt: number };

function readSections(source: ByteSource, header: Header): Section[] {
  const { is64, shoff, shentsize } = header;
  if (shoff === 0) return [];
  if (shentsize < (is64 ? 64 : 40)) throw new InvalidBinaryError("section headers too small to be any");
  const first = readSectionHeader(source.read(shoff, shentsize), 0, is64);
  // Numbers that don't fit into 16 bits stand in the first section.
  const count = header.shnum === 0 ? first.size : header.shnum;
  const namesIndex = header.shstrndx === 0xffff ? first.link : header.shstrndx;
  if (count > maxSections) throw new InvalidBinaryError("too many sections");
  const table = source.read(shoff, count * shentsize);
  const unnamed = Array.from({ length: count }, (_, i) => readSectionHeader(table, i * shentsize, is64));
  const names = unnamed[namesIndex];
  const text = names && names.type !== SHT_NOBITS ? readNames(source, names) : Buffer.alloc(0);
  return unnamed.map(({ nameAt, ...section }) => ({ name: textAt(text, nameAt, 256), ...section }));
}

function readNames(source: ByteSource, names: Unnamed): Buffer {
  if (names.size > maxSectionNameBytes) throw new InvalidBinaryError("section names larger than any could be");
  return source.read(names.offset, names.size);
}

function readSectionHeader(table: Buffer, at: number, is64: boolean): Unnamed {
  const nameAt = table.readUInt32LE(at);
  const type = table.readUInt32LE(at + 4);
  return is64
    ? {
        nameAt,
        type,
        flags: table.readUInt32LE(at + 8),
        address: size64(table, at + 16),
        offset: size64(table, at + 24),
        size: size64(table, at + 32),
        link: table.readUInt32LE(at + 40),
        entrySize: size64(table, at + 56),
      }
    : {
        nameAt,
        type,
        flags: table.readUInt32LE(at + 8),
        address: table.readUInt32LE(at + 12),
        offset: table.readUInt32LE(at + 16),
        size: table.readUInt32LE(at + 20),
        link: table.readUInt32LE(at + 24),
        entrySize: table.readUInt32LE(at + 36),
      };
}

/** The text that begins at `at` and ends with a zero byte, cut at `maxBytes`; "" where there is none. */
export function textAt(bytes: Buffer, at: number, maxBytes: number): string {
  if (at >= bytes.length) return "";
  const stop = Math.min(bytes.length, at + maxBytes);
  const zero = bytes.subarray(at, stop).indexOf(0);
  return bytes.toString("utf8", at, zero < 0 ? stop : at + zero);
}

export function sectionNamed(elf: Elf, ...names: readonly string[]): Section | undefined {
  for (const name of names) {
    const found = elf.sections.find((section) => section.name === name && section.type !== SHT_NOBITS);
    if (found) return found;
  }
  return undefined;
}

/** The content of a section, inflated where it is compressed; at most `maxBytes` of either. */
export function sectionData(elf: Elf, section: Section, maxBytes: number): Buffer {
  if (section.type === SHT_NOBITS) return Buffer.alloc(0);
  if (section.size > maxBytes) throw new InvalidBinaryError(`section ${section.name} is larger than may be read`);
  const data = elf.source.read(section.offset, section.size);
  return (section.flags & SHF_COMPRESSED) === 0 ? data : inflated(elf, section, data, maxBytes);
}

type Inflate = (data: Buffer, options: { maxOutputLength: number }) => Buffer;

function inflated(elf: Elf, section: Section, data: Buffer, maxBytes: number): Buffer {
  const headerBytes = elf.is64 ? 24 : 12;
  if (data.length < headerBytes) throw new InvalidBinaryError("a compressed section without its header");
  const method = data.readUInt32LE(0);
  const size = elf.is64 ? size64(data, 8) : data.readUInt32LE(4);
  if (size > maxBytes) throw new InvalidBinaryError(`section ${section.name} is larger than may be read`);
  // Node 20 has no zstd.
  const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync?: Inflate };
  const inflate: Inflate | undefined = method === 1 ? zlib.inflateSync : method === 2 ? zstdDecompressSync : undefined;
  if (!inflate) throw new InvalidBinaryError("a section compressed in a way that is not supported");
  try {
    return inflate(data.subarray(headerBytes), { maxOutputLength: Math.max(size, 1) });
  } catch (caught) {
    throw new InvalidBinaryError(`section ${section.name} can't be inflated: ${(caught as Error).message}`);
  }
}

/** [start, end) of the file's content at a virtual address, as far as its segment goes; undefined if nothing is there. */
export function fileRangeAt(elf: Elf, address: number): readonly [number, number] | undefined {
  for (const { address: start, offset, fileSize } of elf.segments) {
    if (address < start || address >= start + fileSize) continue;
    return [offset + address - start, offset + fileSize];
  }
  return undefined;
}
