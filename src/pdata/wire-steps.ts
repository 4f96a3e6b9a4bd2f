import { isUtf8 } from "node:buffer";

/**
 * The smallest steps over bytes that the scan has passed. Positions are returned, -1 where there is nothing to read;
 * nothing here allocates.
 */

/** Low 32 bits of the varint that readVarint read last, signed. */
export const last = { low: 0 };

/** Reads any varint at p, at most 10 bytes and 64 bits; the low 32 bits go to `last.low`. */
export function readVarint(buf: Buffer, p: number, end: number): number {
  let low = 0;
  for (let i = 0; i < 10; i++) {
    if (p >= end) return -1;
    const byte = buf[p++];
    if (i < 5) low |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      if (i === 9 && byte > 1) return -1;
      last.low = low;
      return p;
    }
  }
  return -1;
}

/** Skips a varint. */
function skipVarint(buf: Buffer, p: number, end: number): number {
  const start = p;
  // Up to nine bytes every varint is legal; the tenth is looked at by readVarint.
  const stop = end - p > 9 ? p + 9 : end;
  while (p < stop) if (buf[p++] < 0x80) return p;
  return readVarint(buf, start, end);
}

/** Position and content end of the last length-delimited field opened. */
export const span = { end: 0 };

/** Reads a length at p; the content is [returned position, span.end). */
export function openLength(buf: Buffer, p: number, end: number): number {
  if (p >= end) return -1;
  let length = buf[p++];
  if (length > 0x7f) {
    const second = p < end ? buf[p] : 0x80;
    if (second < 0x80) {
      length = (length & 0x7f) | (second << 7);
      p++;
    } else {
      const start = p - 1;
      p = readVarint(buf, start, end);
      if (p < 0) return p;
      length = exactLength(buf, start, p);
    }
  }
  if (length > end - p) return -1;
  span.end = p + length;
  return p;
}

/** The varint in [start, end) as a Number: exact below 2^53, huge above. */
function exactLength(buf: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= start; i--) value = value * 128 + (buf[i] & 0x7f);
  return value;
}

/** Skips an unknown field's value; groups are not the plain shape. */
export function skipField(buf: Buffer, p: number, end: number, wireType: number): number {
  switch (wireType) {
    case 0:
      return skipVarint(buf, p, end);
    case 1:
      return p + 8 <= end ? p + 8 : -1;
    case 2:
      return openLength(buf, p, end) < 0 ? -1 : span.end;
    case 5:
      return p + 4 <= end ? p + 4 : -1;
    default:
      return -1;
  }
}

/** Tag read by readTag. */
export const tag = { value: 0 };

/** Reads a tag at p (p < end). */
export function readTag(buf: Buffer, p: number, end: number): number {
  const first = buf[p];
  if (first < 0x80) {
    tag.value = first;
    return first > 7 ? p + 1 : -1;
  }
  const next = readVarint(buf, p, end);
  if (next < 0) return next;
  if (exactLength(buf, p, next) > 0xffffffff) return -1;
  tag.value = last.low >>> 0;
  return tag.value > 7 ? next : -1;
}

/** True if [start, end) is valid UTF-8. */
export function isText(buf: Buffer, start: number, end: number): boolean {
  let bits = 0;
  for (let i = start; i < end; i++) bits |= buf[i];
  return bits < 0x80 || isUtf8(buf.subarray(start, end));
}
