import { crc32 } from "node:zlib";
import { gzipInstance } from "./gzip-instance.js";
import { INPUT, SPARE } from "./wasm/layout.js";

/** Contents larger than this are left to zlib, which has threads for them. */
export const maxFastBytes = 512 * 1024;
/** Magic number, method, no flags, no time, made to be fast, unknown system. */
const head = Buffer.from([0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 4, 255]);
const tailBytes = 8;

/**
 * A gzip file whose content is these parts, of `size` bytes together: at most `maxFastBytes`. As small as at zlib's level 1,
 * for half of the CPU where it is a profile: zlib makes and drops its state for each file, and finds matches more slowly.
 */
export function gzipFast(parts: readonly Buffer[], size: number): Buffer {
  const to = (INPUT + size + SPARE + 7) & ~7;
  // What can't be made smaller is stored: a few bytes for each 64 KiB.
  const { exports, bytes } = gzipInstance(to + size + (size >>> 8) + SPARE);
  let at = INPUT;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const end = exports.deflate(INPUT, at, to);
  const file = Buffer.allocUnsafeSlow(head.length + end - to + tailBytes);
  head.copy(file);
  bytes.copy(file, head.length, to, end);
  file.writeUInt32LE(crc32(bytes.subarray(INPUT, at)), file.length - tailBytes);
  file.writeUInt32LE(size, file.length - 4);
  return file;
}
