import { gunzipSync } from "node:zlib";
import { inflateGzip } from "../gzip/inflate.js";
import { invalid, TooLargeError } from "./invalid.js";

/** No deflate stream grows more than this. */
const maxDeflateRatio = 1032;

interface WithEngine {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

export function isGzip(bytes: Buffer): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

const magic = Buffer.from([0x1f, 0x8b, 0x08]);

/** True if nothing in a gzip file but its content can hold text: one member, without a name, a comment or anything else. */
export function isBareGzip(bytes: Buffer): boolean {
  return bytes.indexOf(magic) === 0 && bytes[3] === 0 && bytes.indexOf(magic, 1) < 0;
}

/**
 * The content of a gzip file of one or more members. Checksums and lengths have to be right, and nothing may follow the
 * last member. Throws TooLargeError as soon as more than `maxBytes` come out.
 */
export function gunzip(format: string, bytes: Buffer, maxBytes: number): Buffer {
  return inflateGzip(bytes, maxBytes) ?? judgedByZlib(format, bytes, maxBytes);
}

function judgedByZlib(format: string, bytes: Buffer, maxBytes: number): Buffer {
  const worst = Math.min(maxBytes, bytes.length * maxDeflateRatio);
  const declared = bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  // One chunk of the size that the trailer claims, if it can be true: nothing grows, nothing is joined.
  const likely = declared <= Math.min(worst, bytes.length * 64) ? declared : bytes.length * 4;
  const chunkSize = Math.max(64, likely + 1);
  try {
    const options = { info: true, maxOutputLength: Math.max(1, worst), chunkSize };
    const { buffer, engine } = gunzipSync(bytes, options) as unknown as WithEngine;
    if (engine.bytesWritten !== bytes.length) throw invalid(format, "gzip: data after the last member");
    return buffer;
  } catch (caught) {
    const { code, message } = caught as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw new TooLargeError(`${format}: larger than ${maxBytes} bytes decompressed`);
    if (code?.startsWith("Z_")) throw invalid(format, `gzip: ${message}`);
    throw caught;
  }
}
