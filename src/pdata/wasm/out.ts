import { readTag, skipField, tag } from "./primitives";

/** Bytes that must be there behind what is read or written: up to so many are read or overwritten besides. */
export const SPARE: usize = 16;

const highBits: u64 = (u64(0x80808080) << 32) | 0x80808080;

/** Bytes that a varint of this number takes. */
export function varintSize(value: u32): usize {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}

/** Writes a varint; returns the position behind it. */
export function putVarint(out: usize, value: u32): usize {
  while (value > 0x7f) {
    store<u8>(out++, (value & 0x7f) | 0x80);
    value >>>= 7;
  }
  store<u8>(out, value);
  return out + 1;
}

/** `putVarint` for a value below 0x4000: computed, not branched on. The byte behind may be overwritten. */
export function putShort(out: usize, value: u32): usize {
  const isLonger = u32(value > 0x7f);
  store<u16>(out, (value & 0x7f) | (isLonger << 7) | ((value << 1) & 0x7f00));
  return out + 1 + usize(isLonger);
}

/** Copies `length` bytes to a place that does not overlap them. */
export function copy(out: usize, from: usize, length: usize): void {
  if (length > 64) memory.copy(out, from, length);
  else if (length >= 8) {
    const last = length - 8;
    for (let i: usize = 0; i < last; i += 8) store<u64>(out + i, load<u64>(from + i));
    store<u64>(out + last, load<u64>(from + last));
  } else if (length >= 4) {
    store<u32>(out, load<u32>(from));
    store<u32>(out + length - 4, load<u32>(from + length - 4));
  } else for (let i: usize = 0; i < length; i++) store<u8>(out + i, load<u8>(from + i));
}

/** As `copy`, for places behind which nothing stands yet: up to seven bytes there are overwritten. */
export function copyLoosely(out: usize, from: usize, length: usize): void {
  if (length > 64) memory.copy(out, from, length);
  else for (let i: usize = 0; i < length; i += 8) store<u64>(out + i, load<u64>(from + i));
}

/**
 * Writes the length of what stands in [lengthAt + room, end) at lengthAt, where `room` bytes were left for it; returns the
 * end of the content, which moves where the room is not what the length takes.
 */
export function closeLength(lengthAt: usize, room: usize, end: usize): usize {
  const length = end - lengthAt - room;
  const size = varintSize(u32(length));
  if (size !== room) memory.copy(lengthAt + size, lengthAt + room, length);
  putVarint(lengthAt, u32(length));
  return lengthAt + size + length;
}

/** Copies the field at p as it is; returns its length. */
export function copyField(out: usize, p: usize, end: usize): usize {
  let next = readTag(p, end);
  if (next !== 0) next = skipField(next, end, tag & 7);
  // The scan has read the same bytes.
  if (next === 0) unreachable();
  copy(out, p, next - p);
  return next - p;
}

/** `copyField` for a field of one-byte tag and varint value. */
export function copyVarintField(out: usize, p: usize): usize {
  const word = load<u64>(p + 1);
  store<u8>(out, load<u8>(p));
  store<u64>(out + 1, word);
  const stops = ~word & highBits;
  if (stops !== 0) return (usize(ctz(stops)) >>> 3) + 2;
  store<u16>(out + 9, load<u16>(p + 9));
  return load<u8>(p + 9) < 0x80 ? 10 : 11;
}
