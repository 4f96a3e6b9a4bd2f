import { STRING, TABLES } from "./tables.js";
import { BUILT, OUT_BYTES, OUT_COUNTS } from "./wasm/layout.js";
import { WasmInstance } from "./wasm-instance.js";

/** The content of a dictionary: [start, end) of `bytes`, and its entries by table. */
export interface WrittenDictionary {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly counts: Int32Array;
}

/** Bytes that are copied faster one by one than by a call. */
const fewBytes = 48;

const mostStrings = 64;

/**
 * A dictionary being built, in WebAssembly memory of its own until `release`. Entries are interned by content: equal
 * content gets the same index, and every table begins with its zero entry.
 */
export class OpenDictionary {
  private held: WasmInstance | undefined;
  /** The first strings that came as such: names of types and keys, which come again and again. */
  private readonly strings = new Map<string, number>();

  /** The memory that it is in. What adds to it there calls `refresh` of the instance afterwards. */
  get wasm(): WasmInstance {
    this.held ??= open();
    return this.held;
  }

  /** Bytes so far. */
  get byteSize(): number {
    let size = 0;
    for (const table of TABLES) size += this.wasm.view.getUint32(OUT_BYTES + 4 * table, true);
    return size;
  }

  string(text: string): number {
    if (text === "") return 0;
    const known = this.strings.get(text);
    if (known !== undefined) return known;
    const index = this.newString(text);
    if (this.strings.size < mostStrings) this.strings.set(text, index);
    return index;
  }

  private newString(text: string): number {
    // A UTF-16 unit becomes three bytes at most; long texts are measured.
    const at = this.room(text.length < 256 ? 3 * text.length : Buffer.byteLength(text));
    const { wasm } = this;
    return wasm.exports.addEntry(STRING, wasm.bytes.utf8Write(text, at));
  }

  /** Index of the entry of this table whose encoded content is [start, end) of `source`. */
  entry(table: number, source: Buffer, start: number, end: number): number {
    const length = end - start;
    const at = this.room(length);
    const { bytes, exports } = this.wasm;
    if (length > fewBytes) source.copy(bytes, at, start, end);
    else for (let i = 0; i < length; i++) bytes[at + i] = source[start + i];
    return exports.addEntry(table, length);
  }

  private room(bytes: number): number {
    const { wasm } = this;
    const at = wasm.exports.entryRoom(bytes) >>> 0;
    wasm.refresh();
    if (at === 0) throw new RangeError("a dictionary of this size needs more memory than WebAssembly can have");
    return at;
  }

  /** Writes it. The bytes are there until `release`. */
  write(): WrittenDictionary {
    const { wasm } = this;
    const isWritten = wasm.exports.writeAsItIs();
    wasm.refresh();
    if (!isWritten) throw new RangeError("a dictionary of this size needs more memory than WebAssembly can have");
    const { view, bytes } = wasm;
    const counts = new Int32Array(bytes.buffer, OUT_COUNTS, 8).slice();
    counts[0] = 0;
    return { bytes, start: view.getUint32(BUILT, true), end: view.getUint32(BUILT + 4, true), counts };
  }

  /** Gives the memory back. The dictionary ends with it. */
  release(): void {
    this.held?.giveBack();
    this.held = undefined;
  }
}

function open(): WasmInstance {
  const wasm = WasmInstance.take();
  if (!wasm.exports.openDictionary()) throw new RangeError("no memory for a dictionary");
  wasm.refresh();
  return wasm;
}
