import type { ValueType } from "../pdata/profiles.js";
import { INPUT } from "../pdata/wasm/layout.js";
import { WasmInstance } from "../pdata/wasm-instance.js";
import { pprofFault } from "./pprof-fault.js";
import { CHECKED, ENTRIES, PERIOD_TYPE, SAMPLE_TYPES, SCALARS, TABLES } from "./wasm/layout.js";
import { STRING } from "./wasm/numbers.js";

/** What wasm/index.ts exports. Booleans come back as 0 and 1. */
interface PprofExports {
  openParts(start: number, end: number): number;
  readSampleTypes(): number;
  checkPprof(): number;
}

/** The top level of one pprof, which stands in the WebAssembly memory until `release`. */
export class PprofParts {
  readonly exports: PprofExports;
  private readonly wasm: WasmInstance;
  private readonly strings: number;

  /** Throws WireError or InvalidProfilesError for what is wrong there. */
  constructor(plain: Buffer) {
    const wasm = WasmInstance.withRoom(INPUT + plain.length);
    this.wasm = wasm;
    this.exports = wasm.exports as unknown as PprofExports;
    wasm.bytes.set(plain, INPUT);
    const isGood = this.exports.openParts(INPUT, INPUT + plain.length);
    wasm.refresh();
    this.strings = wasm.view.getUint32(TABLES + 4 * STRING, true);
    if (isGood) return;
    const fault = pprofFault(wasm);
    wasm.release();
    throw fault;
  }

  release(): void {
    this.wasm.release();
  }

  /** True if the pprof is an ordinary one; then `labels` and `longestString` are known. */
  check(): boolean {
    const isOrdinary = this.exports.checkPprof();
    this.wasm.refresh();
    return isOrdinary !== 0;
  }

  get labels(): number {
    return this.wasm.view.getUint32(CHECKED, true);
  }

  get longestString(): number {
    return this.wasm.view.getUint32(CHECKED + 4, true);
  }

  /** Entries of a table (wasm/numbers.ts). */
  count(table: number): number {
    return this.wasm.view.getUint32(ENTRIES + 4 * table, true);
  }

  /** A number of the pprof, by its field. */
  scalar(field: number): bigint {
    return this.wasm.view.getBigInt64(SCALARS + 8 * field, true);
  }

  /** Type and unit of the period, where the indices are known to be right. */
  periodType(): ValueType {
    return this.valueType(PERIOD_TYPE);
  }

  /** As `periodType`, of a sample type. */
  sampleType(position: number): ValueType {
    return this.valueType(SAMPLE_TYPES + 16 * position);
  }

  private valueType(at: number): ValueType {
    const { view } = this.wasm;
    return { type: this.text(view.getUint32(at, true)), unit: this.text(view.getUint32(at + 8, true)) };
  }

  private text(index: number): string {
    const { view, bytes } = this.wasm;
    const at = this.strings + 8 * index;
    return bytes.utf8Slice(view.getUint32(at, true), view.getUint32(at + 4, true));
  }
}
