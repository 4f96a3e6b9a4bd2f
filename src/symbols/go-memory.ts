import { readFileSync } from "node:fs";
import { InvalidBinaryError } from "./invalid-binary.js";
import { SPARE, TABLE } from "./wasm/layout.js";

/** What wasm/index.ts exports. */
export interface GoExports {
  readonly memory: WebAssembly.Memory;
  readonly lowestTree: { readonly value: number };
  readonly highestTree: { readonly value: number };
  openTable(bytes: number, layout: number, quantum: number, pointerBytes: number, functionCount: number): void;
  openParts(names: number, units: number, files: number, values: number, functions: number, entries: number): void;
  openRecords(treesFrom: number): void;
  startsAt(): number;
  indexTables(): number;
  openTrees(tableFrom: number, outsideFrom: number, at: number, bytes: number): void;
  openAnswers(at: number): void;
  openAnswer(count: number, frames: number): number;
  answer(count: number): number;
}

/** The largest table, so that all that is made of it fits into the 4 GiB that WebAssembly can have. */
const maxTableBytes = 512 * 1024 * 1024;
/** What is made of a table is a sixth of it, in programs, trees of calls beside it up to a third; an answer for 4,096 addresses takes 1.5 MiB. */
const indexShare = 0.5;
const answerBytes = 2 * 1024 * 1024;
const pageBytes = 65_536;

let compiled: WebAssembly.Module | undefined;

/** The WebAssembly code with one binary's line table in its memory, which goes when nobody refers to it any more. */
export class GoMemory {
  readonly exports: GoExports;
  private readonly tableBytes: number;

  constructor(tableBytes: number) {
    if (tableBytes > maxTableBytes) throw new InvalidBinaryError("a Go line table larger than may be read");
    compiled ??= new WebAssembly.Module(readFileSync(new URL("symbols.wasm", import.meta.url)));
    this.exports = new WebAssembly.Instance(compiled, {}).exports as GoExports;
    this.tableBytes = tableBytes;
    // All at once: V8 counts memory that grows twice, and collects garbage for it. What isn't touched takes no memory.
    this.reach(TABLE + tableBytes + SPARE + indexShare * tableBytes + answerBytes);
  }

  get byteSize(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Good until the memory grows. */
  get table(): Buffer {
    return this.bytes(TABLE, this.tableBytes);
  }

  /** Good until the memory grows. */
  bytes(at: number, length: number): Buffer {
    return Buffer.from(this.exports.memory.buffer, at, length);
  }

  /** Makes room up to `end`. */
  reach(end: number): void {
    const missing = end - this.byteSize;
    if (missing <= 0) return;
    try {
      this.exports.memory.grow(Math.ceil(missing / pageBytes));
    } catch {
      throw new InvalidBinaryError("a Go line table that there is no memory for");
    }
  }
}
