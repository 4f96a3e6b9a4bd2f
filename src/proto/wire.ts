/**
 * Protobuf wire primitives for the parts that are not the hottest loops (those are WebAssembly: src/pdata/wasm).
 * A Reader never reads past `end` and throws WireError on anything that isn't well-formed.
 */
export class WireError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "WireError";
  }
}

export const VARINT = 0;
export const FIXED64 = 1;
export const LEN = 2;
export const FIXED32 = 5;

const noBytes = Buffer.alloc(0);

export class Reader {
  buf: Buffer;
  pos: number;
  end: number;
  /** Where the field last read by `next` began (its tag), and its number and wire type. */
  fieldStart = 0;
  field = 0;
  wireType = 0;

  constructor(buf: Buffer, start: number, end: number) {
    this.buf = buf;
    this.pos = start;
    this.end = end;
  }

  /** A reader that has nothing to read before its first `reset`. */
  static idle(): Reader {
    return new Reader(noBytes, 0, 0);
  }

  /** From now on it reads another message: a loop over many needs no object for each. */
  reset(buf: Buffer, start: number, end: number): this {
    this.buf = buf;
    this.pos = start;
    this.end = end;
    return this;
  }

  /** Moves to the next field's value; false at the end. */
  next(): boolean {
    if (this.pos >= this.end) return false;
    this.fieldStart = this.pos;
    const first = this.buf[this.pos];
    let tag: number;
    if (first < 0x80) {
      this.pos++;
      tag = first;
    } else tag = this.tagSlow();
    this.field = tag >>> 3;
    this.wireType = tag & 7;
    if (this.field === 0) throw new WireError("field number 0 is illegal");
    return true;
  }

  private tagSlow(): number {
    const high = this.skipVarintHigh();
    if (high !== 0) throw new WireError("a tag past 32 bits");
    return this.low >>> 0;
  }

  /** Low 32 bits of the last varint read by skipVarintHigh. */
  low = 0;

  /** Reads a varint: low 32 bits into `low`, returns the high 32 bits. Throws past 10 bytes or 64 bits. */
  skipVarintHigh(): number {
    const { buf, end } = this;
    let low = 0;
    let high = 0;
    for (let i = 0; i < 10; i++) {
      if (this.pos >= end) throw new WireError("truncated varint");
      const byte = buf[this.pos++];
      if (i < 4) low |= (byte & 0x7f) << (7 * i);
      else if (i === 4) {
        low |= (byte & 0x7f) << 28;
        high |= (byte & 0x7f) >>> 4;
      } else high |= (byte & 0x7f) << (7 * i - 32);
      if (byte < 0x80) {
        if (i === 9 && byte > 1) throw new WireError("a varint past 64 bits");
        this.low = low;
        return high;
      }
    }
    throw new WireError("a varint longer than 10 bytes");
  }

  /** A varint cut to its low 32 bits, unsigned. */
  uint32(): number {
    const first = this.buf[this.pos];
    if (first < 0x80 && this.pos < this.end) {
      this.pos++;
      return first;
    }
    this.skipVarintHigh();
    return this.low >>> 0;
  }

  /** A varint as protobuf reads an int32: cut to its low 32 bits, signed. */
  int32(): number {
    return this.uint32() | 0;
  }

  uint64(): bigint {
    const high = this.skipVarintHigh() >>> 0;
    const low = this.low >>> 0;
    return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  fixed64(): bigint {
    this.need(8);
    const value = this.buf.readBigUInt64LE(this.pos);
    this.pos += 8;
    return value;
  }

  double(): number {
    this.need(8);
    const value = this.buf.readDoubleLE(this.pos);
    this.pos += 8;
    return value;
  }

  /** Reads a length and returns it; the content is [pos, pos + length). Exact also for lengths past 32 bits. */
  length(): number {
    const first = this.buf[this.pos];
    let length: number;
    if (first < 0x80 && this.pos < this.end) {
      this.pos++;
      length = first;
    } else {
      const high = this.skipVarintHigh();
      length = high === 0 ? this.low >>> 0 : Number.POSITIVE_INFINITY;
    }
    if (length > this.end - this.pos) throw new WireError("a length past the end of its message");
    return length;
  }

  /** Reads a length-delimited field and returns a view of its content. */
  bytes(): Buffer {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return this.buf.subarray(start, this.pos);
  }

  string(): string {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return this.buf.utf8Slice(start, this.pos);
  }

  /** Reads a length-delimited field and returns a Reader of its content. */
  message(): Reader {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return new Reader(this.buf, start, this.pos);
  }

  private need(bytes: number): void {
    if (this.end - this.pos < bytes) throw new WireError("truncated fixed-size value");
  }

  /** Skips the value of the current field. Groups are refused. */
  skip(): void {
    switch (this.wireType) {
      case VARINT:
        this.skipVarintHigh();
        return;
      case FIXED64:
        this.need(8);
        this.pos += 8;
        return;
      case LEN: {
        const length = this.length();
        this.pos += length;
        return;
      }
      case FIXED32:
        this.need(4);
        this.pos += 4;
        return;
      default:
        throw new WireError(
          this.wireType === 3 || this.wireType === 4 ? "groups are not supported" : "unknown wire type",
        );
    }
  }
}

declare global {
  // Node's own fast paths, missing from its type definitions.
  interface Buffer {
    utf8Slice(start: number, end: number): string;
    latin1Slice(start: number, end: number): string;
    utf8Write(text: string, offset: number, length?: number): number;
  }
}

/** Bytes that a varint of this unsigned 32-bit number takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Bytes that are copied faster one by one than by a call. */
const fewBytes = 24;

/** A growable output buffer. `finish` returns what was written, without copying it. */
export class Writer {
  buf: Buffer;
  pos = 0;

  constructor(capacity = 256) {
    // From Node's pool where it is small: memory of its own would cost more than what is written there.
    this.buf = Buffer.allocUnsafe(capacity);
  }

  reset(): void {
    this.pos = 0;
  }

  /** Makes room for `bytes` more. */
  ensure(bytes: number): void {
    if (this.pos + bytes <= this.buf.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buf.length * 2, this.pos + bytes));
    this.buf.copy(grown, 0, 0, this.pos);
    this.buf = grown;
  }

  varint(value: number): void {
    this.ensure(5);
    this.pos = writeVarint(this.buf, this.pos, value);
  }

  tag(field: number, wireType: number): void {
    this.varint((field << 3) | wireType);
  }

  varint64(value: bigint): void {
    // In halves: a step with a bigint makes a new one. What a double holds is cut without any.
    const whole = Number(value);
    if (whole >= 0 && whole <= Number.MAX_SAFE_INTEGER) {
      const low = whole >>> 0;
      this.halves(low, (whole - low) / 2 ** 32);
    } else this.halves(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** A varint of 64 bits from its halves, both unsigned. */
  private halves(lowHalf: number, highHalf: number): void {
    this.ensure(10);
    let low = lowHalf;
    let high = highHalf;
    while (high !== 0) {
      this.buf[this.pos++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    this.pos = writeVarint(this.buf, this.pos, low);
  }

  fixed64(value: bigint): void {
    this.ensure(8);
    this.buf.writeBigUInt64LE(BigInt.asUintN(64, value), this.pos);
    this.pos += 8;
  }

  double(value: number): void {
    this.ensure(8);
    this.buf.writeDoubleLE(value, this.pos);
    this.pos += 8;
  }

  raw(source: Buffer, start: number, end: number): void {
    const length = end - start;
    this.ensure(length);
    // A call makes a view of the source first.
    if (length > fewBytes) source.copy(this.buf, this.pos, start, end);
    else for (let i = 0; i < length; i++) this.buf[this.pos + i] = source[start + i];
    this.pos += length;
  }

  /** tag + length + bytes. */
  lengthDelimited(field: number, source: Buffer, start = 0, end = source.length): void {
    this.tag(field, LEN);
    this.varint(end - start);
    this.raw(source, start, end);
  }

  string(field: number, text: string): void {
    this.tag(field, LEN);
    const length = Buffer.byteLength(text);
    this.varint(length);
    this.ensure(length);
    this.buf.utf8Write(text, this.pos, length);
    this.pos += length;
  }

  /** Begins a message; `closeLength` of what this returns ends it. */
  begin(field: number): number {
    this.tag(field, LEN);
    const lengthPos = this.pos;
    this.varint(0);
    return lengthPos;
  }

  /** Writes a message whose content `write` appends; the length is put in front afterwards. */
  message(field: number, write: (writer: Writer) => void): void {
    const start = this.begin(field);
    write(this);
    this.closeLength(start);
  }

  /** Replaces the one-byte length at `lengthPos` by that of everything behind it. */
  closeLength(lengthPos: number): void {
    const length = this.pos - lengthPos - 1;
    const extra = varintSize(length) - 1;
    if (extra > 0) {
      this.ensure(extra);
      this.buf.copyWithin(lengthPos + 1 + extra, lengthPos + 1, this.pos);
      this.pos += extra;
    }
    writeVarint(this.buf, lengthPos, length);
  }

  finish(): Buffer {
    return this.buf.subarray(0, this.pos);
  }

  /** What was written, in a buffer of exactly its size. */
  copyOut(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.pos);
    this.buf.copy(out, 0, 0, this.pos);
    return out;
  }
}

/** Writes an unsigned 32-bit varint and returns the position behind it. */
export function writeVarint(buf: Buffer, pos: number, value: number): number {
  let rest = value;
  while (rest > 0x7f) {
    buf[pos++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buf[pos++] = rest;
  return pos;
}
