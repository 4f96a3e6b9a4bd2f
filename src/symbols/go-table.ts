import { type Elf, sectionNamed } from "./elf.js";
import { InvalidBinaryError } from "./invalid-binary.js";

/** Header generations of .gopclntab, by the Go release that brought them. */
export const goTableVersions = ["1.2", "1.16", "1.18", "1.20"] as const;
export type GoTableVersion = (typeof goTableVersions)[number];

const versions: Readonly<Record<number, GoTableVersion>> = {
  4294967291: "1.2",
  4294967290: "1.16",
  4294967280: "1.18",
  4294967281: "1.20",
};

const sectionNames = [".gopclntab", ".data.rel.ro.gopclntab"];

/** Most bytes of a .gopclntab that are searched where there are no section headers. */
const maxSearchBytes = 256 * 1024 * 1024;

/** Places that look like the beginning of a table and are looked at, at most. */
const maxHeaders = 256;

/** The parts of a .gopclntab, checked to lie inside it. */
export interface GoTable {
  readonly version: GoTableVersion;
  readonly size: number;
  readonly address: number;
  readonly quantum: number;
  readonly pointerBytes: 4 | 8;
  readonly functionCount: number;
  /** Start of the text as the header has it, up to Go 1.25; 0 otherwise. */
  readonly headerTextStart: number;
  readonly namesAt: number;
  readonly unitsAt: number;
  readonly filesAt: number;
  readonly valuesAt: number;
  /** Where offsets of functions count from; also the table of functions itself. */
  readonly functionsAt: number;
  readonly tableAt: number;
}

function isHeader(bytes: Buffer, at: number): boolean {
  if (at + 16 > bytes.length || versions[bytes.readUInt32LE(at)] === undefined) return false;
  const quantum = bytes[at + 6];
  const pointerBytes = bytes[at + 7];
  return (
    bytes[at + 4] === 0 &&
    bytes[at + 5] === 0 &&
    (quantum === 1 || quantum === 2 || quantum === 4) &&
    (pointerBytes === 4 || pointerBytes === 8)
  );
}

/** The Go line table of a binary, which is read into what `allocate` gives for it; undefined where it has none. */
export function readGoTable(elf: Elf, maxBytes: number, allocate: (size: number) => Buffer): GoTable | undefined {
  const section = sectionNamed(elf, ...sectionNames);
  if (!section) return elf.sections.length === 0 ? searchGoTable(elf, maxBytes, allocate) : undefined;
  if (section.size > maxBytes) throw new InvalidBinaryError(`section ${section.name} is larger than may be read`);
  const bytes = allocate(section.size);
  elf.source.readInto(bytes, section.offset, section.size);
  return parseGoTable(bytes, section.address);
}

/** Without section headers the table is found by its first bytes, which are aligned. */
function searchGoTable(elf: Elf, maxBytes: number, allocate: (size: number) => Buffer): GoTable | undefined {
  let headers = 0;
  for (const { offset, fileSize, address } of elf.segments) {
    if (fileSize > Math.min(maxBytes, maxSearchBytes)) continue;
    const bytes = elf.source.read(offset, fileSize);
    for (let at = 0; at + 16 <= bytes.length; at += 16) {
      if (!isHeader(bytes, at)) continue;
      if (++headers > maxHeaders) return undefined;
      try {
        const table = parseGoTable(bytes.subarray(at), address + at);
        bytes.copy(allocate(table.size), 0, at);
        return table;
      } catch (caught) {
        if (!(caught instanceof InvalidBinaryError)) throw caught;
      }
    }
  }
  return undefined;
}

/** Throws InvalidBinaryError where the header names parts that are not there. */
export function parseGoTable(bytes: Buffer, address: number): GoTable {
  if (!isHeader(bytes, 0)) throw new InvalidBinaryError("a Go line table with an unknown header");
  const version = versions[bytes.readUInt32LE(0)];
  const pointerBytes = bytes[7] as 4 | 8;
  const words = version === "1.2" ? 1 : version === "1.16" ? 7 : 8;
  if (bytes.length < 8 + (words + 1) * pointerBytes) throw new InvalidBinaryError("a truncated Go line table");
  const word = (index: number): number => {
    const at = 8 + index * pointerBytes;
    return bytes.readUInt32LE(at) + (pointerBytes === 8 ? bytes.readUInt32LE(at + 4) * 4294967296 : 0);
  };
  const part = (index: number): number => {
    const at = word(index);
    if (at > bytes.length) throw new InvalidBinaryError("a Go line table with parts past its end");
    return at;
  };
  const functionCount = word(0);
  const layout = partsOf(version, part, pointerBytes, word);
  const entryBytes = 2 * fieldBytes({ version, pointerBytes });
  if (functionCount * entryBytes + entryBytes / 2 > bytes.length - layout.tableAt) {
    throw new InvalidBinaryError("a Go line table with more functions than it has room for");
  }
  const table = {
    version,
    size: bytes.length,
    address,
    quantum: bytes[6],
    pointerBytes,
    functionCount,
    ...layout,
  };
  return version === "1.2" ? { ...table, filesAt: oldFilesAt(table, bytes) } : table;
}

type Parts = Pick<
  GoTable,
  "headerTextStart" | "namesAt" | "unitsAt" | "filesAt" | "valuesAt" | "functionsAt" | "tableAt"
>;

function partsOf(
  version: GoTableVersion,
  part: (index: number) => number,
  pointerBytes: number,
  word: (index: number) => number,
): Parts {
  if (version === "1.2") {
    const tableAt = 8 + pointerBytes;
    return { headerTextStart: 0, namesAt: 0, unitsAt: 0, filesAt: 0, valuesAt: 0, functionsAt: 0, tableAt };
  }
  const first = version === "1.16" ? 2 : 3;
  const functionsAt = part(first + 4);
  return {
    headerTextStart: first === 3 ? word(2) : 0,
    namesAt: part(first),
    unitsAt: part(first + 1),
    filesAt: part(first + 2),
    valuesAt: part(first + 3),
    functionsAt,
    tableAt: functionsAt,
  };
}

/** Up to Go 1.15 the place of the file table stands behind the functions. */
function oldFilesAt({ tableAt, functionCount, pointerBytes }: GoTable, bytes: Buffer): number {
  const at = tableAt + (2 * functionCount + 1) * pointerBytes;
  const filesAt = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : bytes.length;
  if (filesAt + 4 > bytes.length) throw new InvalidBinaryError("a Go line table without files");
  return filesAt;
}

/** Whether functions are given by offsets rather than by addresses. */
export function hasOffsets({ version }: Pick<GoTable, "version">): boolean {
  return version === "1.18" || version === "1.20";
}

/** Bytes of one entry or offset in the table of functions. */
export function fieldBytes(table: Pick<GoTable, "version" | "pointerBytes">): number {
  return hasOffsets(table) ? 4 : table.pointerBytes;
}
