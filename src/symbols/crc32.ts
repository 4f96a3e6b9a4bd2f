import type { ByteSource } from "./byte-source.js";

const pieceBytes = 1024 * 1024;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of the whole file, as .gnu_debuglink names it. */
export function crc32Of(source: ByteSource): number {
  let crc = 0xffffffff;
  for (let offset = 0; offset < source.size; offset += pieceBytes) {
    const piece = source.read(offset, Math.min(pieceBytes, source.size - offset));
    for (let i = 0; i < piece.length; i++) crc = table[(crc ^ piece[i]) & 255] ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
