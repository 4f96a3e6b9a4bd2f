import {
  FIELD_ZERO,
  GROUP,
  ID_LENGTH,
  IN_PARTS,
  LARGE_TAG,
  LARGE_VARINT,
  LENGTH_PAST_END,
  LONG_VARINT,
  NOT_UTF8,
  OPEN_VARINT,
  PART_LIST,
  TRUNCATED_FIXED32,
  TRUNCATED_FIXED64,
  TRUNCATED_LENGTH,
  TRUNCATED_VARINT,
  UNKNOWN_WIRE_TYPE,
  WRONG_WIRE_TYPE,
} from "./faults";
import { isText } from "./utf8";

/**
 * The scanner's smallest steps. Each takes a position and the end of what it may read, and returns the position behind
 * what it read, or 0: then the bytes are not the plain shape, and `fault` and its details say why.
 */

export let fault: i32 = 0;
export let faultAt: usize = 0;
export let faultDetail: i32 = 0;
export let faultDetail2: i32 = 0;

export function fail(code: i32, at: usize, detail: i32 = 0, detail2: i32 = 0): usize {
  fault = code;
  faultAt = at;
  faultDetail = detail;
  faultDetail2 = detail2;
  return 0;
}

/** What readVarint read last. */
export let varint: u64 = 0;

/** Reads a varint of at most 10 bytes and 64 bits. */
export function readVarint(p: usize, end: usize): usize {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    if (p >= end) return fail(TRUNCATED_VARINT, p);
    const byte = u64(load<u8>(p++));
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift === 63 && byte > 1) return fail(LARGE_VARINT, p);
      varint = value;
      return p;
    }
  }
  return fail(LONG_VARINT, p);
}

export function skipVarint(p: usize, end: usize): usize {
  const start = p;
  // Up to nine bytes every varint is legal; the tenth is looked at by readVarint.
  const stop = end - p > 9 ? p + 9 : end;
  while (p < stop) if (load<u8>(p++) < 0x80) return p;
  return readVarint(start, end);
}

/** Content end of the field that openLength opened last. */
export let spanEnd: usize = 0;

/** Reads a length; the content is [returned position, spanEnd). */
export function openLength(p: usize, end: usize): usize {
  if (p >= end) return fail(TRUNCATED_LENGTH, p);
  let length = u64(load<u8>(p++));
  if (length > 0x7f) {
    p = readVarint(p - 1, end);
    if (p === 0) return 0;
    length = varint;
  }
  if (length > u64(end - p)) return fail(LENGTH_PAST_END, p);
  spanEnd = p + usize(length);
  return p;
}

/** The tag that readTag read last. */
export let tag: u32 = 0;

/** Reads a tag at p (p < end). */
export function readTag(p: usize, end: usize): usize {
  const first = u32(load<u8>(p));
  if (first < 0x80) {
    tag = first;
    return first > 7 ? p + 1 : fail(FIELD_ZERO, p);
  }
  const next = readVarint(p, end);
  if (next === 0) return 0;
  if (varint > 0xffffffff) return fail(LARGE_TAG, p);
  tag = u32(varint);
  return tag > 7 ? next : fail(FIELD_ZERO, p);
}

/** Skips the value of a field with the wire type; groups are not the plain shape. */
export function skipField(p: usize, end: usize, wireType: u32): usize {
  switch (wireType) {
    case 0:
      return skipVarint(p, end);
    case 1:
      return end - p >= 8 ? p + 8 : fail(TRUNCATED_FIXED64, p);
    case 2:
      return openLength(p, end) === 0 ? 0 : spanEnd;
    case 5:
      return end - p >= 4 ? p + 4 : fail(TRUNCATED_FIXED32, p);
    case 3:
    case 4:
      return fail(GROUP, p);
    default:
      return fail(UNKNOWN_WIRE_TYPE, p);
  }
}

/** A field with a number past `known` is skipped; one that is known came with a wire type that is not the plain one. */
export function skipUnknown(p: usize, end: usize, known: u32, message: i32): usize {
  if (tag >>> 3 <= known) return fail(WRONG_WIRE_TYPE, p, tag, message);
  return skipField(p, end, tag & 7);
}

/** Checks a length-delimited text. */
export function checkText(p: usize, end: usize, text: i32): usize {
  const start = openLength(p, end);
  if (start === 0) return 0;
  return isText(start, spanEnd) ? spanEnd : fail(NOT_UTF8, start, text);
}

/**
 * Checks an id: absent or of its one legal length. Readers built on the Collector's pdata refuse a whole request for one
 * id of another length, and in a batch that would be everybody's.
 */
export function checkId(p: usize, end: usize, bytes: i32, id: i32): usize {
  const start = openLength(p, end);
  if (start === 0) return 0;
  const length = i32(spanEnd - start);
  return length === 0 || length === bytes ? spanEnd : fail(ID_LENGTH, start, length, id);
}

/** How many varints countVarints found. */
export let varintCount: i32 = 0;

/** Checks a packed list of 64-bit varints that fills [p, end). */
export function countVarints(p: usize, end: usize): usize {
  let count = 0;
  let run = 0;
  while (p < end) {
    const byte = load<u8>(p++);
    if (byte < 0x80) {
      if (run === 9 && byte > 1) return fail(LARGE_VARINT, p);
      run = 0;
      count++;
    } else if (++run > 9) return fail(LONG_VARINT, p);
  }
  varintCount = count;
  return run === 0 ? p : fail(OPEN_VARINT, p);
}

/** Notes that a list came; one that came before is an error: a list in parts is legal, but not the plain shape. */
export function once(seen: u32, bit: u32, p: usize): bool {
  if ((seen & bit) === 0) return true;
  fail(IN_PARTS, p, PART_LIST);
  return false;
}
