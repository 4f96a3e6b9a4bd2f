import { isUtf8 } from "node:buffer";
import { invalid } from "./invalid.js";
import { replaceBadUtf8 } from "./utf8.js";

/** A long that may be past 2^53. Signed. */
export type JfrLong = number | bigint;

/** Where a string has to be looked up. */
export interface StringReference {
  readonly pool: JfrLong;
}

/** Reads JFR's primitives: compressed integers, strings, big-endian floats. Never past `end`. */
export class JfrCursor {
  readonly buf: Buffer;
  pos: number;
  end: number;

  constructor(buf: Buffer, start: number, end: number) {
    this.buf = buf;
    this.pos = start;
    this.end = end;
  }

  byte(): number {
    if (this.pos >= this.end) throw truncated();
    return this.buf[this.pos++];
  }

  skip(bytes: number): void {
    if (bytes > this.end - this.pos) throw truncated();
    this.pos += bytes;
  }

  /** Seven bits a byte, the low ones first; a ninth byte has eight. */
  long(): JfrLong {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    let middle = 0;
    let scale = 1;
    for (let i = 4; i < 7; i++) {
      const byte = this.byte();
      middle += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return low + middle * 0x10000000;
    }
    let value = BigInt(low) + BigInt(middle) * 0x10000000n;
    const eighth = this.byte();
    value += BigInt(eighth & 0x7f) << 49n;
    if (eighth > 0x7f) value += BigInt(this.byte()) << 56n;
    value = BigInt.asIntN(64, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  skipLong(): void {
    for (let i = 0; i < 8; i++) if (this.byte() < 0x80) return;
    this.byte();
  }

  /** A long that counts or measures something here. */
  size(): number {
    const value = this.long();
    if (typeof value !== "number" || value < 0) throw invalid("jfr", "a size past all bounds");
    return value;
  }

  /** How many entries follow, each of at least one byte. */
  count(): number {
    const count = this.size();
    if (count > this.end - this.pos) throw truncated();
    return count;
  }

  skipString(): void {
    const encoding = this.byte();
    if (encoding === 2) this.skipLong();
    else if (encoding === 3 || encoding === 5) this.skip(this.count());
    else if (encoding === 4) for (let n = this.count(); n > 0; n--) this.skipLong();
    else if (encoding > 1) throw unknownEncoding(encoding);
  }

  string(): string | StringReference | undefined {
    const encoding = this.byte();
    switch (encoding) {
      case 0:
        return undefined;
      case 1:
        return "";
      case 2:
        return { pool: this.long() };
      case 3:
      case 5:
        return this.bytes(encoding === 3);
      case 4:
        return this.chars();
      default:
        throw unknownEncoding(encoding);
    }
  }

  private bytes(utf8: boolean): string {
    const length = this.count();
    const start = this.pos;
    this.pos += length;
    if (!utf8) return this.buf.latin1Slice(start, this.pos);
    const bytes = this.buf.subarray(start, this.pos);
    // The JVM's own spelling of characters past U+FFFF is none, and OTLP has no room for it.
    return isUtf8(bytes) ? bytes.utf8Slice(0, length) : replaceBadUtf8(bytes);
  }

  private chars(): string {
    const length = this.count();
    const codes = new Uint16Array(length);
    for (let i = 0; i < length; i++) codes[i] = Number(this.long());
    return Buffer.from(codes.buffer).toString("utf16le");
  }
}

function unknownEncoding(encoding: number): Error {
  return invalid("jfr", `a string of encoding ${encoding}`);
}

function truncated(): Error {
  return invalid("jfr", "ends inside of something");
}
