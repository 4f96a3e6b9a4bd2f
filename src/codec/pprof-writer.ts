/** Which half of a 64-bit array element, seen as two Int32s, is the low one. */
const low = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1;
const high = 1 - low;

/** The elements of a 64-bit array as pairs of Int32 without copying; `lowHalf(i)` and `highHalf(i)` index it. */
export function int32Pairs(array: BigInt64Array | BigUint64Array): Int32Array {
  return new Int32Array(array.buffer, array.byteOffset, array.length * 2);
}
export function lowHalf(index: number): number {
  return index * 2 + low;
}
export function highHalf(index: number): number {
  return index * 2 + high;
}

/** Bytes that a varint of this unsigned 32-bit number takes. */
export function sizeOf32(value: number): number {
  if (value >>> 7 === 0) return 1;
  if (value >>> 14 === 0) return 2;
  if (value >>> 21 === 0) return 3;
  return value >>> 28 === 0 ? 4 : 5;
}

// A varint takes one byte for each 7 bits; by the leading zeros of the high half, where that isn't 0.
const bytesByLeadingZeros = Uint8Array.from({ length: 32 }, (_, zeros) => Math.ceil((64 - zeros) / 7));

/** Bytes that a varint of the 64-bit number hi:lo takes. */
export function sizeOf64(lo: number, hi: number): number {
  return hi === 0 ? sizeOf32(lo) : bytesByLeadingZeros[Math.clz32(hi)];
}

/** A growable buffer with protobuf's primitives for 64-bit numbers as halves: no bigint, no object per field. */
export class PprofWriter {
  buf: Buffer;
  pos = 0;

  constructor(capacity: number) {
    this.buf = Buffer.allocUnsafeSlow(capacity);
  }

  /** What was written, in a buffer of its own. */
  copyOut(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.pos);
    this.buf.copy(out, 0, 0, this.pos);
    return out;
  }

  /** Makes room for `bytes` more; `byte` and the varints don't look. */
  ensure(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, this.pos + bytes));
    this.buf.copy(grown, 0, 0, this.pos);
    this.buf = grown;
  }

  byte(value: number): void {
    this.buf[this.pos++] = value;
  }

  varint(value: number): void {
    const buf = this.buf;
    let pos = this.pos;
    let rest = value;
    while (rest >>> 7 !== 0) {
      buf[pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buf[pos++] = rest;
    this.pos = pos;
  }

  varint64(lo: number, hi: number): void {
    if (hi === 0) {
      this.varint(lo);
      return;
    }
    const buf = this.buf;
    let pos = this.pos;
    let l = lo;
    let h = hi;
    while (h !== 0) {
      buf[pos++] = (l & 0x7f) | 0x80;
      l = (l >>> 7) | (h << 25);
      h >>>= 7;
    }
    this.pos = pos;
    this.varint(l);
  }

  /** A field of type varint; nothing for 0, proto3's default. */
  field(tag: number, value: number): void {
    if (value === 0) return;
    this.ensure(6);
    this.byte(tag);
    this.varint(value);
  }

  field64(tag: number, value: bigint): void {
    if (value === 0n) return;
    this.ensure(11);
    this.byte(tag);
    this.varint64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  /** Copies source[start..end). */
  copy(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.ensure(length);
    if (length > 48) source.copy(this.buf, this.pos, start, end);
    else {
      // A call into C++ costs more than this.
      const { buf, pos } = this;
      for (let i = 0; i < length; i++) buf[pos + i] = source[start + i];
    }
    this.pos += length;
  }

  /** tag, length, source[start..end). */
  bytes(tag: number, source: Buffer, start: number, end: number): void {
    this.ensure(6);
    this.byte(tag);
    this.varint(end - start);
    this.copy(source, start, end);
  }

  /** tag, length, text. */
  string(tag: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.ensure(6 + length);
    this.byte(tag);
    this.varint(length);
    this.buf.write(text, this.pos, length, "utf8");
    this.pos += length;
  }

  /** Begins a message of unknown length; pass the result to `close`. */
  open(tag: number): number {
    this.ensure(2);
    this.byte(tag);
    return this.pos++;
  }

  close(lengthPos: number): void {
    const length = this.pos - lengthPos - 1;
    const extra = sizeOf32(length) - 1;
    if (extra > 0) {
      this.ensure(extra);
      this.buf.copyWithin(lengthPos + 1 + extra, lengthPos + 1, this.pos);
    }
    this.pos = lengthPos;
    this.varint(length);
    this.pos += length;
  }
}
