import { WireError } from "../proto/wire.js";

/*
 * Protobuf primitives for hot loops: positions go in and out, nothing is allocated. 64-bit numbers are halves.
 */

/** The number that readVarint read last. Both halves are signed. */
export const last = { low: 0, high: 0 };

/** Reads a varint at p; returns the position behind it. */
export function readVarint(buf: Buffer, p: number, end: number): number {
  const byte = buf[p];
  if (byte < 0x80 && p < end) {
    last.low = byte;
    last.high = 0;
    return p + 1;
  }
  return readLong(buf, p, end);
}

function readLong(buf: Buffer, p: number, end: number): number {
  let low = 0;
  let high = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (p >= end) throw new WireError("truncated varint");
    const byte = buf[p++];
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) {
      if (shift === 63 && byte > 1) throw new WireError("a varint past 64 bits");
      last.low = low;
      last.high = high;
      return p;
    }
  }
  throw new WireError("a varint longer than 10 bytes");
}

/** Where the number ended that smallVarint read last. */
export let cursor = 0;

/**
 * The varint at p, where it takes at most three bytes, else -1. It looks at no end: who calls it checks afterwards that
 * `cursor` isn't past the message.
 */
export function smallVarint(buf: Buffer, p: number): number {
  const first = buf[p];
  if (first < 0x80) {
    cursor = p + 1;
    return first;
  }
  const second = buf[p + 1];
  if (second < 0x80) {
    cursor = p + 2;
    return (first & 0x7f) | (second << 7);
  }
  const third = buf[p + 2];
  if (third < 0x80) {
    cursor = p + 3;
    return (first & 0x7f) | ((second & 0x7f) << 7) | (third << 14);
  }
  return -1;
}

/** Reads a tag that needs more than one byte, or has more than it needs; it goes to last.low. */
export function readLongTag(buf: Buffer, p: number, end: number): number {
  p = readLong(buf, p, end);
  if (last.high !== 0) throw new WireError("a tag past 32 bits");
  return p;
}

/** Reads a length at p to last.low; returns the start of the content, which fits below `end`. */
export function readLength(buf: Buffer, p: number, end: number): number {
  p = readVarint(buf, p, end);
  if (last.high !== 0 || last.low >>> 0 > end - p) throw new WireError("a length past the end of its message");
  return p;
}

/**
 * Skips the value of an unknown field with this tag. Fields below `known` are refused: they have another wire type than
 * they should, and skipped they would be lost without a word.
 */
export function skipUnknown(buf: Buffer, p: number, end: number, tag: number, known: number, message: string): number {
  const field = tag >>> 3;
  const wireType = tag & 7;
  if (field === 0) throw new WireError("field number 0 is illegal");
  if (wireType === 3 || wireType === 4) throw new WireError("groups are not supported");
  if (wireType > 5) throw new WireError("unknown wire type");
  if (field <= known) throw new WireError(`field ${field} of ${message} has wire type ${wireType}`);
  if (wireType === 0) return readVarint(buf, p, end);
  if (wireType === 2) return readLength(buf, p, end) + last.low;
  p += wireType === 1 ? 8 : 4;
  if (p > end) throw new WireError("truncated fixed-size value");
  return p;
}
