import { createHash } from "node:crypto";
import type { ByteSource } from "./byte-source.js";
import { type Elf, SHT_NOTE, sectionData, sectionNamed, textAt } from "./elf.js";
import { InvalidBinaryError } from "./invalid-binary.js";

/** What a binary is known by; "" where it has no such id. */
export interface BuildIds {
  /** NT_GNU_BUILD_ID in hex. */
  readonly gnu: string;
  readonly go: string;
  /** The eBPF profiler's hash of head, tail and length. */
  readonly htlhash: string;
}

const maxNoteBytes = 1024 * 1024;
const maxGnuIdBytes = 64;
const maxGoIdBytes = 256;
const NT_GNU_BUILD_ID = 3;
const NT_GO_BUILD_ID = 4;

export function buildIdsOf(elf: Elf): BuildIds {
  const ids = { gnu: "", go: "" };
  for (const notes of noteBlocks(elf)) readNotes(notes, ids);
  return { ...ids, htlhash: headTailHash(elf.source) };
}

function noteBlocks(elf: Elf): Buffer[] {
  const blocks: Buffer[] = [];
  for (const section of elf.sections) {
    if (section.type !== SHT_NOTE || section.size > maxNoteBytes) continue;
    blocks.push(readable(() => sectionData(elf, section, maxNoteBytes)));
  }
  for (const [offset, size] of elf.notes) {
    if (size <= maxNoteBytes) blocks.push(readable(() => elf.source.read(offset, size)));
  }
  return blocks;
}

/** A block that lies outside the file says nothing, which is no reason to give up the rest. */
function readable(read: () => Buffer): Buffer {
  try {
    return read();
  } catch (caught) {
    if (caught instanceof InvalidBinaryError) return Buffer.alloc(0);
    throw caught;
  }
}

function readNotes(notes: Buffer, ids: { gnu: string; go: string }): void {
  let at = 0;
  while (at + 12 <= notes.length) {
    const nameSize = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const nameAt = at + 12;
    const contentAt = nameAt + aligned(nameSize);
    if (contentAt + size > notes.length) return;
    const name = textAt(notes.subarray(nameAt, nameAt + nameSize), 0, 16);
    const content = notes.subarray(contentAt, contentAt + size);
    if (name === "GNU" && type === NT_GNU_BUILD_ID && size <= maxGnuIdBytes) ids.gnu ||= content.toString("hex");
    if (name === "Go" && type === NT_GO_BUILD_ID && size <= maxGoIdBytes) ids.go ||= content.toString("latin1");
    at = contentAt + aligned(size);
  }
}

function aligned(size: number): number {
  return Math.ceil(size / 4) * 4;
}

/** SHA-256 of the first and last 4096 bytes and the length, cut to 16 bytes: `process.executable.build_id.htlhash`. */
export function headTailHash(source: ByteSource): string {
  const part = Math.min(source.size, 4096);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(source.size));
  return createHash("sha256")
    .update(source.read(0, part))
    .update(source.read(source.size - part, part))
    .update(length)
    .digest("hex")
    .slice(0, 32);
}

export interface DebugLink {
  /** "" where there is none, or where it is no plain name. */
  readonly name: string;
  /** CRC-32 of the file. */
  readonly checksum: number;
}

/** The file with the debug symbols, from .gnu_debuglink: a name, zeros up to a multiple of 4, a checksum. */
export function debugLinkOf(elf: Elf): DebugLink {
  const section = sectionNamed(elf, ".gnu_debuglink");
  const none = { name: "", checksum: 0 };
  if (!section) return none;
  const content = readable(() => sectionData(elf, section, 4096));
  const name = textAt(content, 0, 256);
  const checksumAt = aligned(Buffer.byteLength(name) + 1);
  if (name === "." || name === ".." || name.includes("/") || checksumAt + 4 > content.length) return none;
  return { name, checksum: content.readUInt32LE(checksumAt) };
}
