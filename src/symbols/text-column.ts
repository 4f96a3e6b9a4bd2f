import { isAscii } from "node:buffer";
import { maxTextBytes } from "./terminated-text.js";

/** Texts one after the other, as bytes: they are decoded where they are read. The first one is "". */
export interface TextColumn {
  /** UTF-8. */
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
}

const firstBytes = 2 * maxTextBytes;
const bracket = 0x5b;
const fourBrackets = 0x5b5b5b5b;

/** Not 0 if one of four bytes is zero. */
function zeroBytes(four: number): number {
  return (four - 0x01010101) & ~four & 0x80808080;
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}

export class TextColumnBuilder {
  private bytes = Buffer.allocUnsafeSlow(firstBytes);
  private view = viewOf(this.bytes);
  private readonly ends = [0];
  private used = 0;
  /** True if there is a "[" in the text that came last. */
  hasBracket = false;

  /** Adds the text that begins at a byte and ends with a zero byte or is cut; returns its place, 0 for "". */
  addTerminated(source: DataView, at: number): number {
    this.makeRoom(maxTextBytes + 4);
    const { view } = this;
    const stop = Math.min(source.byteLength, at + maxTextBytes);
    let { used } = this;
    let from = at;
    let brackets = 0;
    for (; from + 4 <= stop; from += 4) {
      const four = source.getInt32(from, true);
      if (zeroBytes(four) !== 0) break;
      brackets |= zeroBytes(four ^ fourBrackets);
      view.setInt32(used, four, true);
      used += 4;
    }
    for (; from < stop; from++) {
      const byte = source.getUint8(from);
      if (byte === 0) break;
      if (byte === bracket) brackets = 1;
      view.setUint8(used++, byte);
    }
    this.hasBracket = brackets !== 0;
    return this.endAt(used);
  }

  add(text: string): number {
    this.makeRoom(3 * text.length);
    return this.endAt(this.used + this.bytes.utf8Write(text, this.used));
  }

  /** The text that came last. */
  last(): string {
    const { ends } = this;
    return ends.length === 1 ? "" : this.bytes.utf8Slice(ends[ends.length - 2], this.used);
  }

  build(): TextColumn {
    return { bytes: this.bytes.subarray(0, this.used), ends: Int32Array.from(this.ends) };
  }

  private endAt(used: number): number {
    if (used === this.used) return 0;
    this.used = used;
    return this.ends.push(used) - 1;
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.used + bytes));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
    this.view = viewOf(larger);
  }
}

export function readTexts({ bytes, ends }: TextColumn): string[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // What is ASCII needs no decoder.
  const ascii = isAscii(all);
  const texts: string[] = [];
  for (let i = 0; i < ends.length; i++) {
    const from = i === 0 ? 0 : ends[i - 1];
    texts.push(ascii ? all.latin1Slice(from, ends[i]) : all.utf8Slice(from, ends[i]));
  }
  return texts;
}
