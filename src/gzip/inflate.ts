import { crc32 } from "node:zlib";
import { gzipInstance } from "./gzip-instance.js";
import { INPUT, SPARE } from "./wasm/layout.js";

/** Files and contents larger than this are left to zlib, so that the memory stays below twice as much. */
const maxBytes = 512 * 1024;
/** Magic number, method, and no flags: nothing stands between the head and the stream. */
const plainHead = 0x00_08_8b_1f;
const headBytes = 10;
const tailBytes = 8;

/**
 * The content of a gzip file, at most `limit` bytes. undefined for one that is empty, large or out of the ordinary, broken
 * or not: zlib has to judge it. For what a profile takes zlib spends more time on making and dropping its state, and the
 * collector on the memory of that, than on inflating.
 */
export function inflateGzip(file: Buffer, limit: number): Buffer | undefined {
  const end = file.length - tailBytes;
  if (end < headBytes || file.length > maxBytes || file.readUInt32LE(0) !== plainHead) return undefined;
  const size = file.readUInt32LE(end + 4);
  if (size === 0 || size > maxBytes || size > limit) return undefined;
  const to = (INPUT + file.length + SPARE + 7) & ~7;
  const { exports, bytes } = gzipInstance(to + size + SPARE);
  bytes.set(file, INPUT);
  if (exports.inflate(INPUT + headBytes, INPUT + end, to, to + size) === 0) return undefined;
  const content = bytes.subarray(to, to + size);
  if (crc32(content) !== file.readUInt32LE(end)) return undefined;
  // Not from the pool: what somebody keeps must not keep its neighbours.
  const own = Buffer.allocUnsafeSlow(size);
  own.set(content);
  return own;
}
