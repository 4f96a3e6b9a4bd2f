import type { ValueType } from "../pdata/profiles.js";
import { WasmInstance } from "../pdata/wasm-instance.js";
import { gnuBuildId, goBuildId } from "./build-id.js";
import { invalid, TooLargeError } from "./invalid.js";
import { pprofFault } from "./pprof-fault.js";
import { NO_MEMORY } from "./wasm/faults.js";
import {
  CHECKED,
  COMMENTS,
  ENTRIES,
  KEY_BYTES,
  KEYS,
  PERIOD_TYPE,
  SAMPLE_TYPES,
  SCALARS,
  SPAN,
  TABLES,
} from "./wasm/layout.js";
import { SAMPLE_TYPE, STRING } from "./wasm/numbers.js";

/** What wasm/index.ts exports. Booleans come back as 0 and 1. */
interface PprofExports {
  clearMemory(): void;
  placePprof(bytes: number): number;
  openParts(start: number, end: number): number;
  readSampleTypes(): number;
  checkPprof(): number;
  textAt(index: number): void;
  decodeTables(): number;
  decodeSamples(inputBytes: number, sampleTypes: number, profileIdIsSpan: boolean): number;
  writeSamples(): void;
}

/** Characters of a text that is copied more than once. */
const maxShort = 16 * 1024;

/** Keys of attributes in the order of wasm/numbers.ts. */
const keys = keyTable([
  "pprof.mapping.has_functions",
  "pprof.mapping.has_filenames",
  "pprof.mapping.has_line_numbers",
  "pprof.mapping.has_inline_frames",
  "pprof.location.is_folded",
  gnuBuildId,
  goBuildId,
]);

function keyTable(texts: readonly string[]): Buffer {
  const table = Buffer.alloc(KEY_BYTES * texts.length);
  texts.forEach((text, i) => {
    table[KEY_BYTES * i] = table.write(text, KEY_BYTES * i + 1, "latin1");
  });
  return table;
}

/** One pprof that stands in the WebAssembly memory: its top level has been read. What follows may throw WireError or InvalidProfilesError. */
export class PprofParts {
  private readonly wasm: WasmInstance;
  private readonly exports: PprofExports;
  private readonly bytes: number;
  /** Where it begins in the memory. */
  private readonly start: number;

  constructor(wasm: WasmInstance, plain: Buffer) {
    this.wasm = wasm;
    this.exports = wasm.exports as unknown as PprofExports;
    this.bytes = plain.length;
    this.start = this.run(() => this.exports.placePprof(plain.length)) >>> 0;
    wasm.bytes.set(plain, this.start);
    this.must(() => this.exports.openParts(this.start, this.start + plain.length));
  }

  /** What `read` makes of a pprof that has the memory for itself. */
  static read<T>(plain: Buffer, read: (parts: PprofParts) => T): T {
    const wasm = WasmInstance.withRoom(0);
    try {
      (wasm.exports as unknown as PprofExports).clearMemory();
      return read(new PprofParts(wasm, plain));
    } finally {
      wasm.release();
    }
  }

  /** Calls into WebAssembly, which ends with a trap where memory can't be had. */
  private run<T>(call: () => T): T {
    try {
      return call();
    } catch (caught) {
      if (this.wasm.exports.faultCode() !== NO_MEMORY) throw caught;
      throw new TooLargeError("pprof: it needs more memory than WebAssembly can have");
    } finally {
      this.wasm.refresh();
    }
  }

  private must(call: () => number): void {
    if (!this.run(call)) throw pprofFault(this.wasm);
  }

  /** True if the pprof is an ordinary one; then the numbers of `checked` are known. */
  check(): boolean {
    return this.run(() => this.exports.checkPprof()) !== 0;
  }

  get checked(): { readonly labels: number; readonly longestString: number } {
    const { view } = this.wasm;
    return { labels: view.getUint32(CHECKED, true), longestString: view.getUint32(CHECKED + 4, true) };
  }

  /** Puts mappings, functions and locations into the dictionary being built in the memory. */
  decodeTables(): void {
    this.wasm.bytes.set(keys, KEYS);
    this.must(() => this.exports.decodeTables());
  }

  /** Puts what the samples refer to into the dictionary. */
  decodeSamples(sampleTypes: number, profileIdIsSpan: boolean): void {
    this.must(() => this.exports.decodeSamples(this.bytes, sampleTypes, profileIdIsSpan));
  }

  /** The samples as OTLP, of one sample type after another. The bytes are valid until anything is added to the dictionary. */
  nextSamples(): { readonly bytes: Buffer; readonly start: number; readonly end: number } {
    this.run(() => this.exports.writeSamples());
    const { bytes, view } = this.wasm;
    return { bytes, start: view.getUint32(SPAN, true), end: view.getUint32(SPAN + 4, true) };
  }

  /** Entries of a table (wasm/numbers.ts). */
  count(table: number): number {
    return this.wasm.view.getUint32(ENTRIES + 4 * table, true);
  }

  /** Start and end of each entry of a table, in the pprof. */
  ranges(table: number): Int32Array {
    const at = this.wasm.view.getUint32(TABLES + 4 * table, true);
    const list = new Int32Array(this.wasm.bytes.buffer, at, 2 * this.count(table)).slice();
    for (let i = 0; i < list.length; i++) list[i] -= this.start;
    return list;
  }

  /** A number of the pprof, by its field. */
  scalar(field: number): bigint {
    return this.wasm.view.getBigInt64(SCALARS + 8 * field, true);
  }

  sampleTypes(): ValueType[] {
    const read = this.run(() => this.exports.readSampleTypes());
    const types: ValueType[] = [];
    for (let i = 0; i < read; i++) types.push(this.valueType(SAMPLE_TYPES + 16 * i));
    if (read < this.count(SAMPLE_TYPE)) throw pprofFault(this.wasm);
    return types;
  }

  periodType(): ValueType {
    return this.valueType(PERIOD_TYPE);
  }

  private valueType(at: number): ValueType {
    const { view } = this.wasm;
    return { type: this.shortText(view.getBigInt64(at, true)), unit: this.shortText(view.getBigInt64(at + 8, true)) };
  }

  comments(): string[] {
    const { view } = this.wasm;
    const list = view.getUint32(COMMENTS, true);
    const comments: string[] = [];
    for (let i = 0; i < view.getUint32(COMMENTS + 4, true); i++) {
      comments.push(this.shortText(view.getBigInt64(list + 8 * i, true)));
    }
    return comments;
  }

  /** The text of a string. Bytes that are no UTF-8 become U+FFFD. */
  text(index: bigint): string {
    if (index === 0n) return "";
    const at = Number(index);
    if (at < 0 || at >= this.count(STRING)) throw invalid("pprof", `string index ${index} is out of range`);
    this.run(() => this.exports.textAt(at));
    const { bytes, view } = this.wasm;
    return bytes.utf8Slice(view.getUint32(SPAN, true), view.getUint32(SPAN + 4, true));
  }

  /** As `text`, for texts that are copied more than once: refused where long. */
  private shortText(index: bigint): string {
    const text = this.text(index);
    if (text.length > maxShort)
      throw new TooLargeError(`pprof: a type, unit or comment of more than ${maxShort} characters`);
    return text;
  }
}
