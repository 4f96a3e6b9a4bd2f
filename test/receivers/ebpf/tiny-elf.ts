import { buildIdsOf } from "../../../src/symbols/build-id.js";
import { bufferSource } from "../../../src/symbols/byte-source.js";
import { parseElf } from "../../../src/symbols/elf.js";

export interface TinyElf {
  readonly textOffset: number;
  readonly textAddress: bigint;
  readonly textBytes: number;
  /** Hex. */
  readonly buildId: string;
}

/** A 64-bit ELF file with headers, one executable segment and a note with its build id, and nothing in it. */
export function tinyElf({ textOffset, textAddress, textBytes, buildId }: TinyElf): Buffer {
  const id = Buffer.from(buildId, "hex");
  const file = Buffer.alloc(textOffset + textBytes);
  file.write("\x7fELF\x02\x01\x01", 0, "latin1");
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(62, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(64, 52);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const noteAt = 64 + 2 * 56;
  const program = (at: number, type: number, flags: number, offset: number, address: bigint, size: number) => {
    file.writeUInt32LE(type, at);
    file.writeUInt32LE(flags, at + 4);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(address, at + 16);
    file.writeBigUInt64LE(BigInt(size), at + 32);
    file.writeBigUInt64LE(BigInt(size), at + 40);
  };
  program(64, 1, 5, textOffset, textAddress, textBytes);
  program(64 + 56, 4, 4, noteAt, 0n, 16 + id.length);
  file.writeUInt32LE(4, noteAt);
  file.writeUInt32LE(id.length, noteAt + 4);
  file.writeUInt32LE(3, noteAt + 8);
  file.write("GNU\0", noteAt + 12, "latin1");
  id.copy(file, noteAt + 16);
  return file;
}

export function readBinary(bytes: Buffer) {
  return buildIdsOf(parseElf(bufferSource(bytes)));
}
