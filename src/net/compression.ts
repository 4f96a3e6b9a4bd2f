import zlib from "node:zlib";
import { z } from "zod";
import { badInput, Code, PipelineError, throttled } from "../component/errors.js";
import { gzipFast, maxFastBytes } from "../gzip/deflate.js";
import { inflateGzip } from "../gzip/inflate.js";
import { type ByteBudget, createByteBudget } from "./byte-budget.js";

/** A content coding that we can read and write. "deflate" is the zlib format, as HTTP means it; "" and "none" are identity. */
export type Coding = "gzip" | "zlib" | "deflate" | "zstd" | "none";

type ZstdCallback = (error: Error | null, result: Buffer) => void;
interface Zstd {
  zstdCompress?: (body: Buffer, options: object, done: ZstdCallback) => void;
  zstdDecompress?: (body: Buffer, options: object, done: ZstdCallback) => void;
  constants: { ZSTD_c_compressionLevel?: number };
}
const zstd = zlib as unknown as Zstd;

/** True where this Node has zstd (22.15 and later). */
export const hasZstd = typeof zstd.zstdDecompress === "function";

/**
 * Output at most this large is inflated, and bodies at most this large are deflated, on the caller's thread: a trip to the
 * thread pool costs more. At this size inflating takes about 1 ms, deflating at level 1 about 4 ms (8 for zlib).
 */
const syncBytes = 512 * 1024;
/** No deflate stream grows more than this; a body that claims more is a lie. */
const maxDeflateRatio = 1032;

/** Codings a server reads unless `compression_algorithms` says otherwise. */
export const serverCodings: readonly Coding[] = hasZstd
  ? ["none", "gzip", "zstd", "zlib", "deflate"]
  : ["none", "gzip", "zlib", "deflate"];

/** Memory that inflating may hold at one time in this process, all servers together. */
const inflating: ByteBudget = createByteBudget(256 * 1024 * 1024);

/** A body that decodes to more than the cap: 413 / RESOURCE_EXHAUSTED, not to be tried again. */
export function tooLarge(maxBytes: number): PipelineError {
  return new PipelineError("permanent", `request body is larger than ${maxBytes} bytes`, {
    code: Code.RESOURCE_EXHAUSTED,
    httpStatus: 413,
    reason: "too_large",
  });
}

/** Reads a Content-Encoding header: exactly one token, and one of `allowed`; anything else throws (400). */
export function parseContentEncoding(header: string | undefined, allowed: readonly Coding[]): Coding {
  const token = (header ?? "").trim().toLowerCase();
  const coding = token === "" || token === "identity" ? "none" : token;
  if (!allowed.includes(coding as Coding)) throw badInput(`unsupported Content-Encoding: ${token.slice(0, 64)}`);
  return coding as Coding;
}

/**
 * Decodes a whole body. Throws badInput for data that is broken, cut short or followed by anything, and `tooLarge` as
 * soon as the output passes `maxBytes`. Resolves with `body` itself for "none".
 */
export async function decode(
  coding: Coding,
  body: Buffer,
  maxBytes: number,
  budget: ByteBudget = inflating,
): Promise<Buffer> {
  if (coding === "none") {
    if (body.length > maxBytes) throw tooLarge(maxBytes);
    return body;
  }
  // Done before anybody else runs, in memory that is bounded: needs no room in the budget.
  const small = coding === "gzip" ? inflateGzip(body, maxBytes) : undefined;
  if (small) return small;
  const worst = coding === "zstd" ? maxBytes : Math.min(maxBytes, body.length * maxDeflateRatio);
  const declared = coding === "gzip" ? declaredGzipSize(body) : worst;
  if (declared < worst) {
    const decoded = await attempt(coding, body, declared, declared, budget);
    if (decoded) return decoded;
    // More came out than the last member declares: several members, or a lie. Once more under the real cap.
  }
  const decoded = await attempt(coding, body, worst, Math.min(worst, body.length * 4), budget);
  if (!decoded)
    throw maxBytes > worst ? badInput(`cannot decode ${coding} body: impossible length`) : tooLarge(maxBytes);
  return decoded;
}

/** The size in a gzip trailer: modulo 2^32, of the last member only, and perhaps no trailer at all. A hint to be checked. */
function declaredGzipSize(body: Buffer): number {
  return body.length < 18 ? 0 : body.readUInt32LE(body.length - 4);
}

/** One decoding into at most `limit` bytes, `expected` of them likely; undefined when the output is larger. */
async function attempt(
  coding: Coding,
  body: Buffer,
  limit: number,
  expected: number,
  budget: ByteBudget,
): Promise<Buffer | undefined> {
  if (!(await budget.acquire(limit))) throw throttled("too many bodies are being decompressed", 1000);
  try {
    const options = inflateOptions(limit, expected);
    return limit <= syncBytes && coding !== "zstd"
      ? inflateSync(coding, body, options)
      : await inflateAsync(coding, body, options);
  } catch (error) {
    if (error instanceof PipelineError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw badInput(`cannot decode ${coding} body: ${(error as Error).message}`, { cause: error });
  } finally {
    budget.release(limit);
  }
}

interface WithEngine {
  buffer: Buffer;
  engine: { bytesWritten: number };
}

function whole(result: WithEngine, coding: Coding, body: Buffer): Buffer {
  if (result.engine.bytesWritten !== body.length)
    throw badInput(`cannot decode ${coding} body: data after the end of the stream`);
  return result.buffer;
}

// One output chunk of the size that is expected: no growing, no joining. maxOutputLength of 0 is refused by Node.
function inflateOptions(limit: number, expected: number): zlib.ZlibOptions {
  return { info: true, maxOutputLength: Math.max(1, limit), chunkSize: Math.max(64, expected + 1) };
}

function inflateSync(coding: Coding, body: Buffer, options: zlib.ZlibOptions): Buffer {
  const result = coding === "gzip" ? zlib.gunzipSync(body, options) : zlib.inflateSync(body, options);
  return whole(result as unknown as WithEngine, coding, body);
}

function inflateAsync(coding: Coding, body: Buffer, options: zlib.ZlibOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: unknown) => {
      if (error) return reject(error);
      try {
        resolve(whole(result as WithEngine, coding, body));
      } catch (junk) {
        reject(junk);
      }
    };
    if (coding === "gzip") zlib.gunzip(body, options, done);
    else if (coding === "zstd") zstd.zstdDecompress?.(body, options, done);
    else zlib.inflate(body, options, done);
  });
}

/**
 * Encodes a body given as pieces; resolves with `parts` themselves for "none". Large bodies are compressed on the thread
 * pool, small ones at once.
 */
export async function encode(coding: Coding, parts: readonly Buffer[], level: number): Promise<readonly Buffer[]> {
  if (coding === "none") return parts;
  if (coding === "gzip" && level === 1) {
    const size = parts.reduce((sum, { length }) => sum + length, 0);
    if (size <= maxFastBytes) return [gzipFast(parts, size)];
  }
  const body = parts.length === 1 ? parts[0] : Buffer.concat(parts as Buffer[]);
  return [coding === "zstd" ? await zstdEncode(body, level) : await deflateEncode(coding, body, level)];
}

function zstdEncode(body: Buffer, level: number): Promise<Buffer> {
  const key = zstd.constants.ZSTD_c_compressionLevel;
  const options = key === undefined || level === 0 ? {} : { params: { [key]: level } };
  return new Promise((resolve, reject) => {
    if (!zstd.zstdCompress) return reject(new Error("this Node has no zstd"));
    zstd.zstdCompress(body, options, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

function deflateEncode(coding: Coding, body: Buffer, level: number): Promise<Buffer> | Buffer {
  // Room for a third of the input in one chunk: profiles compress better than that, so nothing is joined.
  const chunkSize = Math.max(1024, body.length >>> 1);
  // The larger hash table of memLevel 9 costs 256 KiB while it works, and saves a fifth of the CPU at level 1.
  const options: zlib.ZlibOptions = { level: Math.max(-1, level), memLevel: 9, chunkSize };
  const isGzip = coding === "gzip";
  if (body.length <= syncBytes) return isGzip ? zlib.gzipSync(body, options) : zlib.deflateSync(body, options);
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: Buffer) => (error ? reject(error) : resolve(result));
    if (isGzip) zlib.gzip(body, options, done);
    else zlib.deflate(body, options, done);
  });
}

const httpClientCodings = ["gzip", "zstd", "zlib", "deflate", "none", ""];
const grpcClientCodings = ["gzip", "none", ""];

/** `compression` and `compression_params` of a client. `kind` decides which codings there are. */
export function compressionFields(kind: "http" | "grpc") {
  const known = kind === "http" ? httpClientCodings : grpcClientCodings;
  const message = (value: unknown) => {
    if (value === "zstd" && known.includes("zstd")) return "zstd needs Node 22.15 or later";
    return `unsupported compression type "${String(value)}" (expected one of ${known.filter(Boolean).join(", ")})`;
  };
  return {
    compression: z
      .string()
      .refine((value) => known.includes(value) && (value !== "zstd" || hasZstd), {
        error: (issue) => message(issue.input),
      })
      .default("gzip")
      .describe(`How request bodies are compressed: ${known.filter(Boolean).join(", ")}.`),
    compression_params: z
      .strictObject({
        level: z
          .int()
          .min(-2)
          .max(22)
          .default(1)
          .describe("Compression level; higher is smaller and slower. -1 is the library's default."),
      })
      .prefault({})
      .describe("Parameters of the compression."),
  };
}

/** Refuses a level that the chosen coding doesn't have; for `superRefine` of schemas with `compressionFields`. */
export function checkCompression(
  config: { compression: string; compression_params: { level: number } },
  ctx: z.core.$RefinementCtx,
): void {
  const level = config.compression_params.level;
  if (["gzip", "zlib", "deflate"].includes(config.compression) && level > 9) {
    const message = `unsupported parameters {Level:${level}} for compression type "${config.compression}" (expected -2 to 9)`;
    ctx.addIssue({ code: "custom", message, path: ["compression_params", "level"] });
  }
}

/** The coding that a config names. */
export function codingOf(compression: string): Coding {
  return compression === "" ? "none" : (compression as Coding);
}
