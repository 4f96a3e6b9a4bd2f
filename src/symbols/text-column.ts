import { isAscii } from "node:buffer";

/** Texts one after the other, as bytes: they are decoded where they are read. The first one is "". */
export interface TextColumn {
  /** UTF-8. */
  readonly bytes: Uint8Array;
  readonly ends: Int32Array;
}

const roomBytes = 16 * 1024;

/** Adds texts to others. */
export class TextColumnBuilder {
  private bytes: Buffer;
  private readonly ends: number[];
  private used: number;

  constructor({ bytes, ends }: TextColumn) {
    this.bytes = Buffer.allocUnsafeSlow(bytes.length + roomBytes);
    this.bytes.set(bytes);
    this.ends = Array.from(ends);
    this.used = bytes.length;
  }

  /** Returns the place of the text, 0 for "". */
  add(text: string): number {
    if (text === "") return 0;
    this.makeRoom(3 * text.length);
    this.used += this.bytes.utf8Write(text, this.used);
    return this.ends.push(this.used) - 1;
  }

  build(): TextColumn {
    return { bytes: this.bytes.subarray(0, this.used), ends: Int32Array.from(this.ends) };
  }

  private makeRoom(bytes: number): void {
    if (this.used + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.used + bytes));
    this.bytes.copy(larger, 0, 0, this.used);
    this.bytes = larger;
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
