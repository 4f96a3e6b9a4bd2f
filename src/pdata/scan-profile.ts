import { limit } from "./scan-dictionary.js";
import {
  checkId,
  checkIndex,
  checkIndexList,
  checkString,
  countVarints,
  fail,
  openLength,
  readTag,
  skipField,
  skipVarint,
  span,
  tag,
} from "./scan-primitives.js";
import { scanUnknown } from "./scan-values.js";
import { ATTRIBUTE, LINK, STACK, STRING } from "./tables.js";

/** What the scan of a profile found out. Reused. */
export const found = { samples: 0, newestNano: 0 };

/** ValueType at p. */
function checkValueType(buf: Buffer, p: number, end: number, strings: number): number {
  p = openLength(buf, p, end);
  if (p < 0) return p;
  const stop = span.end;
  while (p < stop) {
    p = readTag(buf, p, stop);
    if (p < 0) return p;
    if (tag.value === 0x08) p = checkIndex(buf, p, stop, strings, "a type index");
    else if (tag.value === 0x10) p = checkIndex(buf, p, stop, strings, "a unit index");
    else p = scanUnknown(buf, p, stop, 2, "ValueType");
    if (p < 0) return p;
  }
  return p;
}

/** Sample in [p, end): the hottest message. */
function checkSample(buf: Buffer, p: number, end: number, stacks: number, attributes: number, links: number): number {
  let seen = 0;
  let values = 0;
  let timestamps = 0;
  while (p < end) {
    const byte = buf[p++];
    switch (byte) {
      case 0x08:
        p = checkIndex(buf, p, end, stacks, "a stack index");
        break;
      case 0x12:
        if (seen & 1) return fail("a packed list in parts", p);
        seen |= 1;
        p = openLength(buf, p, end);
        if (p >= 0) p = checkIndexList(buf, p, span.end, attributes, "a sample's attribute index");
        break;
      case 0x18:
        p = checkIndex(buf, p, end, links, "a link index");
        break;
      case 0x22: {
        if (seen & 2) return fail("a packed list in parts", p);
        seen |= 2;
        p = openLength(buf, p, end);
        if (p < 0) return p;
        values = countVarints(buf, p, span.end);
        p = values < 0 ? -1 : span.end;
        break;
      }
      case 0x2a: {
        if (seen & 4) return fail("a packed list in parts", p);
        seen |= 4;
        p = openLength(buf, p, end);
        if (p < 0) return p;
        const bytes = span.end - p;
        if (bytes & 7) return fail("packed timestamps that are no multiple of 8 bytes", p);
        timestamps = bytes >>> 3;
        p = span.end;
        break;
      }
      default:
        p = readTag(buf, p - 1, end);
        if (p >= 0) p = scanUnknown(buf, p, end, 5, "Sample");
    }
    if (p < 0) return p;
  }
  if (values !== timestamps && values !== 0 && timestamps !== 0) {
    return fail(`a sample has ${values} values and ${timestamps} timestamps (they must be equal in number)`, p);
  }
  if (values === 0 && timestamps === 0) return fail("a sample has neither values nor timestamps", p);
  return p;
}

/**
 * Profile in [p, end). `strict` is set for what the slow path has written: field 12, which protocol 1.8 used, is then
 * an unknown field like any other.
 */
export function scanProfile(buf: Buffer, p: number, end: number, counts: Int32Array, strict: boolean): number {
  const strings = limit(counts, STRING);
  const stacks = limit(counts, STACK);
  const attributes = limit(counts, ATTRIBUTE);
  const links = limit(counts, LINK);
  let seen = 0;
  let time = 0;
  let duration = 0;
  found.samples = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    switch (tag.value) {
      case 0x12:
        p = openLength(buf, p, end);
        if (p < 0) return p;
        p = checkSample(buf, p, span.end, stacks, attributes, links);
        found.samples++;
        break;
      case 0x0a:
      case 0x2a: {
        const bit = tag.value === 0x0a ? 1 : 2;
        if (seen & bit) return fail("a value type in parts", p);
        seen |= bit;
        p = checkValueType(buf, p, end, strings);
        break;
      }
      case 0x19:
        if (p + 8 > end) return fail("truncated fixed64", p);
        time = buf.readUInt32LE(p) + buf.readUInt32LE(p + 4) * 4294967296;
        p += 8;
        break;
      case 0x20: {
        const start = p;
        p = skipVarint(buf, p, end);
        if (p >= 0) duration = approximate(buf, start, p);
        break;
      }
      case 0x30:
      case 0x40:
        p = skipVarint(buf, p, end);
        break;
      case 0x52:
        seen |= 8;
        p = skipField(buf, p, end, 2);
        break;
      case 0x3a:
        p = checkId(buf, p, end, 16, "profile_id");
        break;
      case 0x4a:
        seen |= 16;
        p = checkString(buf, p, end, "original_payload_format");
        break;
      case 0x5a:
        if (seen & 4) return fail("a packed list in parts", p);
        seen |= 4;
        p = openLength(buf, p, end);
        if (p >= 0) p = checkIndexList(buf, p, span.end, attributes, "a profile's attribute index");
        break;
      default:
        if (tag.value >>> 3 === 12 && !strict) return fail("field 12 of Profile, as protocol 1.8 had it", p);
        p = scanUnknown(buf, p, end, 11, "Profile");
    }
    if (p < 0) return p;
  }
  if ((seen & 24) === 8 && !strict) return fail("a payload without a format, where protocol 1.8 had the format", p);
  if (time + duration > found.newestNano) found.newestNano = time + duration;
  return p;
}

/** A varint as a double. */
function approximate(buf: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= start; i--) value = value * 128 + (buf[i] & 0x7f);
  return value;
}
