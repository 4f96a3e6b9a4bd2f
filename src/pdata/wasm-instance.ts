import { readFileSync } from "node:fs";

/** What is used of the WebAssembly API; TypeScript declares it for browsers only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** What wasm/index.ts exports. Booleans come back as 0 and 1. */
export interface PdataExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  scan(length: number, resources: number, unknown: number, strict: boolean): number;
  faultCode(): number;
  faultPosition(): number;
  faultFirst(): number;
  faultSecond(): number;
}

/** Compiled from wasm/ by scripts/build.mjs. */
const compiled = new WebAssembly.Module(readFileSync(new URL("pdata.wasm", import.meta.url)));

const pageBytes = 65_536;
/** Memory can grow but not shrink: an instance that took more than this is given up after use. */
const keptBytes = 16 * 1024 * 1024;

/** The WebAssembly code with a memory of its own. */
export class WasmInstance {
  readonly exports: PdataExports;
  bytes: Uint8Array;
  view: DataView;

  private constructor() {
    this.exports = new WebAssembly.Instance(compiled, {}).exports as PdataExports;
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.view = new DataView(this.exports.memory.buffer);
  }

  private static current: WasmInstance | undefined;

  /** The instance to work with now; all work with it ends in the same tick. It holds at least `bytes`. */
  static withRoom(bytes: number): WasmInstance {
    WasmInstance.current ??= new WasmInstance();
    WasmInstance.current.grow(bytes);
    return WasmInstance.current;
  }

  private grow(bytes: number): void {
    const missing = bytes - this.bytes.length;
    if (missing <= 0) return;
    this.exports.memory.grow(Math.ceil(missing / pageBytes));
    this.bytes = new Uint8Array(this.exports.memory.buffer);
    this.view = new DataView(this.exports.memory.buffer);
  }

  /** Ends the work: an instance that has grown large is not kept. */
  release(): void {
    if (this.bytes.length > keptBytes && WasmInstance.current === this) WasmInstance.current = undefined;
  }
}
