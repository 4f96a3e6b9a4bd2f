import { readFileSync } from "node:fs";

/** What wasm/index.ts exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  inflate(start: number, end: number, to: number, limit: number): number;
  deflate(start: number, end: number, to: number): number;
}

const pageBytes = 65_536;

/** The code with its memory, once somebody has asked for it: one for the process, since each call is over before the next. */
let exports: Exports | undefined;
let bytes: Buffer = Buffer.alloc(0);

/** The code, and its memory of at least `needed` bytes. The memory may be another object at the next call. */
export function gzipInstance(needed: number): { readonly exports: Exports; readonly bytes: Buffer } {
  exports ??= instantiate();
  if (bytes.length < needed) {
    exports.memory.grow(Math.ceil((needed - bytes.length) / pageBytes));
    bytes = Buffer.from(exports.memory.buffer);
  }
  return { exports, bytes };
}

function instantiate(): Exports {
  const compiled = new WebAssembly.Module(readFileSync(new URL("gzip.wasm", import.meta.url)));
  const instance = new WebAssembly.Instance(compiled, {}).exports as Exports;
  bytes = Buffer.from(instance.memory.buffer);
  return instance;
}
