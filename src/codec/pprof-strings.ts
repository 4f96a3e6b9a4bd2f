import type { Dictionary } from "../pdata/dictionary.js";
import { STRING } from "../pdata/tables.js";
import type { PprofWriter } from "./pprof-writer.js";

const stringTag = 0x32;

/**
 * The string table of one pprof after another, all from one dictionary. A dictionary string is interned by its index; other
 * strings (label values, type names) are interned by their text.
 */
export class StringTable {
  private readonly dictionary: Dictionary;
  // pprof index of a dictionary string, valid where its stamp is the current pprof's.
  private readonly indices: Int32Array;
  private readonly stamps: Int32Array;
  private stamp = 0;
  // What the current table holds, in order: a dictionary index, or ~index into `texts`.
  private entries: number[] = [];
  private texts: string[] = [];
  private byText = new Map<string, number>();
  private emptyText = 0;

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
    this.indices = new Int32Array(dictionary.stringCount);
    this.stamps = new Int32Array(dictionary.stringCount);
  }

  /** Begins a new table, with "" at 0. */
  reset(): void {
    this.stamp++;
    this.entries = [];
    this.texts = [];
    this.byText = new Map();
    this.emptyText = 0;
  }

  /** pprof index of a string_table index of the dictionary. */
  ofDictionary(index: number): number {
    if (index === 0) return 0;
    if (this.stamps[index] === this.stamp) return this.indices[index];
    this.stamps[index] = this.stamp;
    this.indices[index] = this.entries.push(index);
    return this.indices[index];
  }

  /** pprof index of any text. */
  ofText(text: string): number {
    if (text === "") return 0;
    let index = this.byText.get(text);
    if (index === undefined) {
      index = this.entries.push(~(this.texts.push(text) - 1));
      this.byText.set(text, index);
    }
    return index;
  }

  /** pprof index of a second "": index 0 would mean "no text". */
  ofEmptyText(): number {
    this.emptyText ||= this.entries.push(~(this.texts.push("") - 1));
    return this.emptyText;
  }

  write(out: PprofWriter): void {
    out.ensure(2);
    out.byte(stringTag);
    out.byte(0);
    for (const entry of this.entries) {
      if (entry < 0) {
        out.string(stringTag, this.texts[~entry]);
        continue;
      }
      this.dictionary.locate(STRING, entry);
      out.bytes(stringTag, this.dictionary.atBuf, this.dictionary.atStart, this.dictionary.atEnd);
    }
  }
}
