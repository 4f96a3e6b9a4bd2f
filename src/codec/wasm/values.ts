import { putShort, putVarint } from "../../pdata/wasm/out";

/** Writes a varint of 64 bits; returns the position behind it. */
export function putLong(out: usize, value: u64): usize {
  while (value > 0xffffffff) {
    store<u8>(out++, (value & 0x7f) | 0x80);
    value >>>= 7;
  }
  return putVarint(out, u32(value));
}

/** A field of type varint; nothing for 0, proto3's default. */
export function putField(out: usize, tag: u32, value: u64): usize {
  if (value === 0) return out;
  store<u8>(out, tag);
  return value < 0x4000 ? putShort(out + 1, u32(value)) : putLong(out + 1, value);
}

/** An index of a table. */
export function putIndex(out: usize, index: u32): usize {
  return index < 0x4000 ? putShort(out, index) : putVarint(out, index);
}
