import { intern } from "./intern";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./numbers";
import { closeLength, copy, copyField, copyVarintField, putShort, putVarint, SPARE, varintSize } from "./out";
import { openLength, readTag, readVarint, skipField, spanEnd, tag, varint } from "./primitives";
import { attributes, FRESH, functions, locations, mappings, strings } from "./source";

/**
 * An entry is read, its references mapped and the result interned when something uses it for the first time; what nothing
 * uses is left behind. The bytes have passed the scan, so their shape is not checked again. Each function takes the
 * element of a list (./source.ts) that is still fresh, and returns the index that it puts there.
 */

/** Where an entry is written before it is interned; what it refers to is written behind it. */
let scratch: usize = 0;
/** Bytes that one byte of a message may become: an index of one byte, one of five. */
let growth: usize = 0;

export function openScratch(at: usize): void {
  scratch = at;
}

export function setGrowth(most: u32): void {
  growth = usize(most);
}

/** End of the entry that openEntry opened last. */
let entryEnd: usize = 0;

function openEntry(value: u32): usize {
  let p = usize(value & ~FRESH);
  const length = usize(load<u8>(p++));
  if (length < 0x80) {
    entryEnd = p + length;
    return p;
  }
  p = readVarint(p - 1, p + 9);
  entryEnd = p + usize(varint);
  return p;
}

export function mapString(at: usize, value: u32): u32 {
  return mapAsItIs(at, value, STRING);
}

export function mapLink(at: usize, value: u32): u32 {
  return mapAsItIs(at, value, LINK);
}

function mapAsItIs(at: usize, value: u32, table: u32): u32 {
  const start = openEntry(value);
  const mapped = intern(table, start, entryEnd);
  store<u32>(at, mapped);
  return mapped;
}

/** Opens the place to write an entry of `length` bytes. */
function begin(length: usize): usize {
  const base = scratch;
  scratch = base + growth * length + SPARE;
  return base;
}

/** Interns what was written since `begin`. */
function finish(at: usize, table: u32, base: usize, out: usize): u32 {
  scratch = base;
  const mapped = intern(table, base, out);
  store<u32>(at, mapped);
  return mapped;
}

export function mapStack(at: usize, value: u32): u32 {
  let p = openEntry(value);
  const stop = entryEnd;
  const base = begin(stop - p);
  let out = base;
  while (p < stop) {
    if (load<u8>(p) === 0x0a) {
      out = mapList(out, 0x0a, p + 1, stop, LOCATION);
      p = listEnd;
    } else {
      const length = copyField(out, p, stop);
      out += length;
      p += length;
    }
  }
  return finish(at, STACK, base, out);
}

/** End of the list that mapList read last. */
export let listEnd: usize = 0;

/** Writes the packed list of indices whose length stands at p, tag and length included; nothing for an empty list. */
export function mapList(out: usize, tagByte: u32, p: usize, end: usize, table: u32): usize {
  p = openLength(p, end);
  if (p === 0) unreachable();
  const stop = spanEnd;
  if (p === stop) {
    listEnd = p;
    return out;
  }
  const list = table === u32(LOCATION) ? locations : attributes;
  const room = varintSize(u32(stop - p));
  store<u8>(out, tagByte);
  const lengthAt = out + 1;
  out = lengthAt + room;
  while (p < stop) {
    // Whether an index takes one byte or two can't be foreseen, so it is computed, not branched on.
    const word = u32(load<u16>(p));
    const isLonger = (word >>> 7) & 1;
    let index = (word & 0x7f) | ((word >>> 1) & 0x3f80 & (0 - isLonger));
    p += 1 + usize(isLonger);
    if ((word & 0x8080) === 0x8080) {
      p = readVarint(p - 2, stop);
      index = u32(varint);
    }
    const at = list + (usize(index) << 2);
    let mapped = load<u32>(at);
    if (mapped >= FRESH) mapped = table === u32(LOCATION) ? mapLocation(at, mapped) : mapAttribute(at, mapped);
    if (mapped < 0x4000) out = putShort(out, mapped);
    else out = putVarint(out, mapped);
  }
  listEnd = stop;
  return closeLength(lengthAt, room, out);
}

/** The index that `readIndex` read last. */
export let index: u32 = 0;

/** Reads an index. */
export function readIndex(p: usize, end: usize): usize {
  const word = u32(load<u16>(p));
  if ((word & 0x8080) === 0x8080) {
    p = readVarint(p, end);
    index = u32(varint);
    return p;
  }
  const isLonger = (word >>> 7) & 1;
  index = (word & 0x7f) | ((word >>> 1) & 0x3f80 & (0 - isLonger));
  return p + 1 + usize(isLonger);
}

/** Writes an index field. */
export function putIndex(out: usize, tagByte: u32, mapped: u32): usize {
  store<u8>(out, tagByte);
  return mapped < 0x4000 ? putShort(out + 1, mapped) : putVarint(out + 1, mapped);
}

function mapLocation(at: usize, value: u32): u32 {
  let p = openEntry(value);
  const stop = entryEnd;
  const base = begin(stop - p);
  let out = base;
  while (p < stop) {
    const byte = load<u8>(p);
    if (byte === 0x08) {
      p = readIndex(p + 1, stop);
      const from = mappings + (usize(index) << 2);
      let mapped = load<u32>(from);
      if (mapped >= FRESH) mapped = mapMapping(from, mapped);
      out = putIndex(out, byte, mapped);
    } else if (byte === 0x10) {
      const length = copyVarintField(out, p);
      out += length;
      p += length;
    } else if (byte === 0x1a) {
      p = openLength(p + 1, stop);
      out = mapLine(out, p, spanEnd);
      p = lineEnd;
    } else if (byte === 0x22) {
      out = mapList(out, byte, p + 1, stop, ATTRIBUTE);
      p = listEnd;
    } else {
      const length = copyField(out, p, stop);
      out += length;
      p += length;
    }
  }
  return finish(at, LOCATION, base, out);
}

let lineEnd: usize = 0;

/** Writes the Line in [p, stop), tag and length included. */
function mapLine(out: usize, p: usize, stop: usize): usize {
  lineEnd = stop;
  const room = varintSize(u32(stop - p));
  store<u8>(out, 0x1a);
  const lengthAt = out + 1;
  out = lengthAt + room;
  while (p < stop) {
    const byte = load<u8>(p);
    if (byte === 0x08) {
      p = readIndex(p + 1, stop);
      const from = functions + (usize(index) << 2);
      let mapped = load<u32>(from);
      if (mapped >= FRESH) mapped = mapFunction(from, mapped);
      out = putIndex(out, byte, mapped);
    } else {
      const length = byte === 0x10 || byte === 0x18 ? copyVarintField(out, p) : copyField(out, p, stop);
      out += length;
      p += length;
    }
  }
  return closeLength(lengthAt, room, out);
}

function mapFunction(at: usize, value: u32): u32 {
  let p = openEntry(value);
  const stop = entryEnd;
  const base = begin(stop - p);
  let out = base;
  while (p < stop) {
    const byte = load<u8>(p);
    if (byte === 0x08 || byte === 0x10 || byte === 0x18) {
      p = readIndex(p + 1, stop);
      out = putString(out, byte);
    } else {
      const length = copyField(out, p, stop);
      out += length;
      p += length;
    }
  }
  return finish(at, FUNCTION, base, out);
}

/** Writes the string `index` as a field. */
export function putString(out: usize, tagByte: u32): usize {
  const from = strings + (usize(index) << 2);
  let mapped = load<u32>(from);
  if (mapped >= FRESH) mapped = mapString(from, mapped);
  return putIndex(out, tagByte, mapped);
}

function mapMapping(at: usize, value: u32): u32 {
  return mapTagged(at, value, MAPPING);
}

function mapAttribute(at: usize, value: u32): u32 {
  return mapTagged(at, value, ATTRIBUTE);
}

/** Mappings and attributes: the scan accepts tags that are longer than they need to be there. */
function mapTagged(at: usize, value: u32, table: u32): u32 {
  let p = openEntry(value);
  const stop = entryEnd;
  const base = begin(stop - p);
  let out = base;
  while (p < stop) {
    const start = p;
    p = readTag(p, stop);
    if (table === u32(MAPPING) ? tag === 0x20 : tag === 0x08 || tag === 0x18) {
      p = readIndex(p, stop);
      out = putString(out, tag);
    } else if (table === u32(MAPPING) && tag === 0x2a) {
      out = mapList(out, tag, p, stop, ATTRIBUTE);
      p = listEnd;
    } else {
      p = skipField(p, stop, tag & 7);
      if (p === 0) unreachable();
      copy(out, start, p - start);
      out += p - start;
    }
  }
  return finish(at, table, base, out);
}
