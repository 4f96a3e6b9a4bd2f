import { textAt } from "./elf.js";

/** Longest text; C++ has names of many kilobytes, which nobody reads. */
export const maxTextBytes = 8192;
const maxPoolBytes = 8 * 1024 * 1024;
/** What a text costs beside its letters. */
const overheadBytes = 80;

/** Texts that end with a zero byte, read once each: when those that were read are too many all of them are forgotten. */
export class TextPool {
  private readonly bytes: Buffer;
  private readonly texts = new Map<number, string>();
  byteSize = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** The text that begins at this byte; "" where there is none. */
  at(place: number): string {
    const known = this.texts.get(place);
    if (known !== undefined) return known;
    const text = textAt(this.bytes, place, maxTextBytes);
    this.byteSize += overheadBytes + text.length;
    if (this.byteSize > maxPoolBytes) {
      this.texts.clear();
      this.byteSize = overheadBytes + text.length;
    }
    this.texts.set(place, text);
    return text;
  }
}
