import { randomFillSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { HASH_KEYS, HASH_LENGTH_KEY, HASH_OUT_KEY } from "./wasm/layout.js";

/** What wasm/index.ts exports. */
export interface PdataExports {
  readonly memory: WebAssembly.Memory;
  scan(length: number, resources: number, unknown: number, strict: boolean): number;
  faultCode(): number;
  faultPosition(): number;
  faultFirst(): number;
  faultSecond(): number;
  beginBuild(dictionaryBytes: number, entries: number, profileBytes: number, allEntries: number): number;
  dictionaryStart(): number;
  profileStart(): number;
  addDictionary(bytes: number, profiles: number, profileBytes: number): number;
  addProfile(bytes: number, from: number, to: number, isPart: boolean): void;
  finishBuild(): number;
  openDictionary(): number;
  entryRoom(bytes: number): number;
  addEntry(table: number, bytes: number): number;
  writeAsItIs(): number;
}

/** Compiled from wasm/ by scripts/build.mjs. */
const compiled = new WebAssembly.Module(readFileSync(new URL("pdata.wasm", import.meta.url)));

const pageBytes = 65_536;
/** Memory can grow but not shrink: an instance that took more than this is given up after use. */
const keptBytes = 16 * 1024 * 1024;
/** As many instances are kept that were taken, and each if it isn't larger. */
const maxSpare = 2;
const keptSpareBytes = 8 * 1024 * 1024;

/** The WebAssembly code with a memory of its own. */
export class WasmInstance {
  readonly exports: PdataExports;
  bytes: Buffer;
  view: DataView;

  private constructor() {
    this.exports = new WebAssembly.Instance(compiled, {}).exports as PdataExports;
    this.bytes = Buffer.from(this.exports.memory.buffer);
    this.view = new DataView(this.exports.memory.buffer);
    randomFillSync(this.bytes, HASH_KEYS, HASH_OUT_KEY + 8 - HASH_KEYS);
    this.bytes[HASH_LENGTH_KEY] |= 1;
    this.bytes[HASH_OUT_KEY] |= 1;
  }

  private static current: WasmInstance | undefined;

  /** The instance to work with now; all work with it ends in the same tick. It holds at least `bytes`. */
  static withRoom(bytes: number): WasmInstance {
    WasmInstance.current ??= new WasmInstance();
    WasmInstance.current.grow(bytes);
    return WasmInstance.current;
  }

  private static readonly spare: WasmInstance[] = [];

  /** An instance for work that lasts: nobody else gets it before it is given back. */
  static take(): WasmInstance {
    return WasmInstance.spare.pop() ?? new WasmInstance();
  }

  /** Ends the work of who took the instance. */
  giveBack(): void {
    const { spare } = WasmInstance;
    if (spare.length < maxSpare && this.bytes.length <= keptSpareBytes) spare.push(this);
  }

  private grow(bytes: number): void {
    const missing = bytes - this.bytes.length;
    if (missing <= 0) return;
    this.exports.memory.grow(Math.ceil(missing / pageBytes));
    this.refresh();
  }

  /** Finds the memory anew after a call that may have made it larger. */
  refresh(): void {
    // Memory that grew leaves the old view without bytes.
    if (this.bytes.length !== 0) return;
    const { buffer } = this.exports.memory;
    this.bytes = Buffer.from(buffer);
    this.view = new DataView(buffer);
  }

  /** Ends the work: an instance that has grown large is not kept. */
  release(): void {
    if (this.bytes.length > keptBytes && WasmInstance.current === this) WasmInstance.current = undefined;
  }
}
