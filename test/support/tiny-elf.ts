/** Builds small ELF files (64-bit, little-endian), so that tests need no compiler and can break what they like. */
export interface TinySymbol {
  readonly name: string;
  readonly address: number;
  readonly size?: number;
  /** STT_*: 2 = function (default), 0 = label, 1 = object. */
  readonly type?: number;
  /** Name of the section that it is in; default .text. */
  readonly section?: string;
}

export interface TinySection {
  readonly name: string;
  /** SHT_*: 1 = data (default). */
  readonly type?: number;
  /** SHF_*: 2 = loaded, 4 = code. */
  readonly flags?: number;
  readonly address?: number;
  readonly content: Buffer;
  readonly link?: number;
  readonly entrySize?: number;
}

export interface TinyElf {
  /** EM_*: 62 = x86-64 (default), 183 = arm64. */
  readonly machine?: number;
  /** ET_*: 2 = executable, 3 = position-independent (default). */
  readonly type?: number;
  /** Where .text lies in memory, and how large it is; default 0x2000, 0x1000. */
  readonly text?: { readonly address: number; readonly size: number; readonly content?: Buffer };
  readonly symbols?: readonly TinySymbol[];
  readonly dynamicSymbols?: readonly TinySymbol[];
  /** Hex. */
  readonly gnuBuildId?: string;
  readonly goBuildId?: string;
  readonly debugLink?: { readonly name: string; readonly checksum: number };
  /** Sections behind the others; loaded ones get a segment each. */
  readonly sections?: readonly TinySection[];
  /** Leaves the table of sections out. */
  readonly withoutSections?: boolean;
}

const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_NOTE = 7;
const SHT_DYNSYM = 11;
const PF_X = 1;

/** .text begins at this offset of the file. */
export const textOffset = 0x1000;

export function tinyElf(elf: TinyElf): Buffer {
  const text = elf.text ?? { address: 0x2000, size: 0x1000 };
  const sections: TinySection[] = [
    { name: "", type: 0, content: Buffer.alloc(0) },
    { name: ".text", flags: 6, address: text.address, content: text.content ?? Buffer.alloc(text.size, 0x90) },
  ];
  const notes: Buffer[] = [];
  if (elf.gnuBuildId !== undefined) notes.push(note("GNU", 3, Buffer.from(elf.gnuBuildId, "hex")));
  if (elf.goBuildId !== undefined) notes.push(note("Go", 4, Buffer.from(elf.goBuildId)));
  if (notes.length > 0) sections.push({ name: ".note", type: SHT_NOTE, flags: 2, content: Buffer.concat(notes) });
  if (elf.debugLink) sections.push({ name: ".gnu_debuglink", content: linkContent(elf.debugLink) });
  sections.push(...(elf.sections ?? []));
  addSymbols(sections, ".symtab", SHT_SYMTAB, elf.symbols);
  addSymbols(sections, ".dynsym", SHT_DYNSYM, elf.dynamicSymbols);
  return write(elf, sections);
}

function addSymbols(sections: TinySection[], name: string, type: number, symbols?: readonly TinySymbol[]): void {
  if (!symbols) return;
  const names = strings(symbols.map((symbol) => symbol.name));
  const table = Buffer.alloc(24 * (symbols.length + 1));
  symbols.forEach((symbol, i) => {
    const at = 24 * (i + 1);
    const section = sections.findIndex((each) => each.name === (symbol.section ?? ".text"));
    table.writeUInt32LE(names.offsets[i], at);
    table[at + 4] = 0x10 | (symbol.type ?? 2);
    table.writeUInt16LE(Math.max(section, 0), at + 6);
    table.writeBigUInt64LE(BigInt(symbol.address), at + 8);
    table.writeBigUInt64LE(BigInt(symbol.size ?? 0), at + 16);
  });
  sections.push({ name, type, content: table, link: sections.length + 1, entrySize: 24 });
  sections.push({ name: `${name}.names`, type: SHT_STRTAB, content: names.content });
}

function strings(texts: readonly string[]): { content: Buffer; offsets: number[] } {
  const parts = [Buffer.alloc(1)];
  let at = 1;
  const offsets = texts.map((text) => {
    const part = Buffer.from(`${text}\0`);
    parts.push(part);
    at += part.length;
    return at - part.length;
  });
  return { content: Buffer.concat(parts), offsets };
}

function note(name: string, type: number, content: Buffer): Buffer {
  const padded = (part: Buffer) => Buffer.concat([part, Buffer.alloc((4 - (part.length % 4)) % 4)]);
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(content.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, padded(Buffer.from(`${name}\0`)), padded(content)]);
}

function linkContent({ name, checksum }: { readonly name: string; readonly checksum: number }): Buffer {
  const text = Buffer.alloc(Math.ceil((name.length + 1) / 4) * 4 + 4);
  text.write(name);
  text.writeUInt32LE(checksum, text.length - 4);
  return text;
}

function write(elf: TinyElf, given: readonly TinySection[]): Buffer {
  const named = [...given, { name: ".shstrtab", type: SHT_STRTAB, content: Buffer.alloc(0) }];
  const names = strings(named.map(({ name }) => name));
  const sections = named.map((section) =>
    section.name === ".shstrtab" ? { ...section, content: names.content } : section,
  );
  const loaded = sections.filter(({ flags = 0, address = 0 }) => (flags & 2) !== 0 && address > 0);
  const offsets: number[] = [];
  let at = textOffset;
  for (const { content } of sections) {
    offsets.push(at);
    at = Math.ceil((at + content.length) / 16) * 16;
  }
  const file = Buffer.alloc(at + (elf.withoutSections ? 0 : 64 * sections.length));
  sections.forEach(({ content }, i) => void content.copy(file, offsets[i]));
  writeHeader(file, elf, loaded.length, at, sections.length);
  loaded.forEach((section, i) => {
    const header = file.subarray(64 + 56 * i);
    header.writeUInt32LE(1, 0);
    header.writeUInt32LE(
      4 | (((section.flags ?? 0) & 4) !== 0 ? PF_X : 0) | (((section.flags ?? 0) & 1) !== 0 ? 2 : 0),
      4,
    );
    writeWords(header, 8, [
      offsets[sections.indexOf(section)],
      section.address ?? 0,
      section.address ?? 0,
      section.content.length,
      section.content.length,
      4096,
    ]);
  });
  if (elf.withoutSections) return file;
  sections.forEach((section, i) => {
    const header = file.subarray(at + 64 * i);
    header.writeUInt32LE(i === 0 ? 0 : names.offsets[i], 0);
    header.writeUInt32LE(section.type ?? 1, 4);
    writeWords(header, 8, [section.flags ?? 0, section.address ?? 0, i === 0 ? 0 : offsets[i], section.content.length]);
    header.writeUInt32LE(section.link ?? 0, 40);
    writeWords(header, 56, [section.entrySize ?? 0]);
  });
  return file;
}

function writeHeader(file: Buffer, elf: TinyElf, segments: number, sectionsAt: number, sections: number): void {
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(elf.type ?? 3, 16);
  file.writeUInt16LE(elf.machine ?? 62, 18);
  writeWords(file, 32, [64, elf.withoutSections ? 0 : sectionsAt]);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(segments, 56);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(elf.withoutSections ? 0 : sections, 60);
  file.writeUInt16LE(elf.withoutSections ? 0 : sections - 1, 62);
}

function writeWords(target: Buffer, at: number, words: readonly number[]): void {
  words.forEach((word, i) => void target.writeBigUInt64LE(BigInt(word), at + 8 * i));
}
