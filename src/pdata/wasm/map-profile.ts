import { keyOf, take } from "./arena";
import { PROFILE } from "./layout";
import { index, listEnd, mapLink, mapList, mapStack, putIndex, putString, readIndex } from "./map-entries";
import { ATTRIBUTE } from "./numbers";
import { closeLength, copy, copyField, putVarint, varintSize } from "./out";
import { openLength, readTag, skipField, spanEnd, tag } from "./primitives";
import { FRESH, links, stacks } from "./source";

const ID_BYTES: usize = 16;

/**
 * Writes the Profile in [p, end) with mapped references at `out`, and from there to the records. Of its samples only
 * [from, to) go in; a `part` loses the payload, which is the whole profile's. PROFILE tells what came of it.
 */
export function mapProfile(out: usize, p: usize, end: usize, from: u32, to: u32, part: bool): void {
  const base = out;
  let number: u32 = 0;
  let written: u32 = 0;
  let idAt: usize = 0;
  while (p < end) {
    const start = p;
    p = readTag(p, end);
    if (tag === 0x12) {
      p = openLength(p, end);
      const stop = spanEnd;
      if (number >= from && number < to) {
        out = mapSample(out, p, stop);
        written++;
      }
      number++;
      p = stop;
    } else if (tag === 0x0a || tag === 0x2a) {
      const tagByte = tag;
      p = openLength(p, end);
      const stop = spanEnd;
      out = mapValueType(out, tagByte, p, stop);
      p = stop;
    } else if (tag === 0x5a) {
      out = mapList(out, tag, p, end, ATTRIBUTE);
      p = listEnd;
    } else {
      const field = tag >>> 3;
      const content = p;
      p = skipField(p, end, tag & 7);
      if (p === 0) unreachable();
      if (part && (field === 9 || field === 10)) continue;
      copy(out, start, p - start);
      out += p - start;
      if (field === 7) idAt = p - openLength(content, end) === ID_BYTES ? out - base - ID_BYTES : 0;
    }
  }
  const length = out - base;
  const head = varintSize(u32(length)) + 1;
  const at = take(0, keyOf(0, u32(head + length)));
  store<u8>(at, 0x12);
  putVarint(at + 1, u32(length));
  copy(at + head, base, length);
  store<u32>(PROFILE, u32(at));
  store<u32>(PROFILE + 4, u32(at + head + length));
  store<u32>(PROFILE + 8, written);
  store<u32>(PROFILE + 12, idAt === 0 ? 0 : u32(at + head + idAt));
}

/** The hottest loop: the Sample in [p, end), tag and length included. */
function mapSample(out: usize, p: usize, end: usize): usize {
  const room = varintSize(u32(end - p));
  store<u8>(out, 0x12);
  const lengthAt = out + 1;
  out = lengthAt + room;
  while (p < end) {
    const byte = load<u8>(p);
    if (byte === 0x08) {
      p = readIndex(p + 1, end);
      const at = stacks + (usize(index) << 2);
      let mapped = load<u32>(at);
      if (mapped >= FRESH) mapped = mapStack(at, mapped);
      out = putIndex(out, byte, mapped);
    } else if (byte === 0x12) {
      out = mapList(out, byte, p + 1, end, ATTRIBUTE);
      p = listEnd;
    } else if (byte === 0x18) {
      p = readIndex(p + 1, end);
      const at = links + (usize(index) << 2);
      let mapped = load<u32>(at);
      if (mapped >= FRESH) mapped = mapLink(at, mapped);
      out = putIndex(out, byte, mapped);
    } else {
      const length = copyField(out, p, end);
      out += length;
      p += length;
    }
  }
  return closeLength(lengthAt, room, out);
}

function mapValueType(out: usize, tagByte: u32, p: usize, end: usize): usize {
  const room = varintSize(u32(end - p));
  store<u8>(out, tagByte);
  const lengthAt = out + 1;
  out = lengthAt + room;
  while (p < end) {
    const start = p;
    p = readTag(p, end);
    if (tag === 0x08 || tag === 0x10) {
      p = readIndex(p, end);
      out = putString(out, tag);
    } else {
      p = skipField(p, end, tag & 7);
      if (p === 0) unreachable();
      copy(out, start, p - start);
      out += p - start;
    }
  }
  return closeLength(lengthAt, room, out);
}
