import {
  checkIndex,
  checkString,
  fail,
  openLength,
  readTag,
  skipField,
  skipVarint,
  span,
  tag,
} from "./scan-primitives.js";
import { maxValueDepth } from "./tables.js";

/**
 * Resources, scopes and attribute values. References into the string table are noted here and resolved before anything
 * else sees the batch (src/pdata/references.ts).
 */

/** Whether a reference was seen since `seen` was last set to false, and the strings that it may name. */
export const references = { seen: false, strings: 1 };

/** A string index at p; 0 in a key means "not set". */
function scanReference(buf: Buffer, p: number, end: number, isKey: boolean): number {
  const start = p;
  p = checkIndex(buf, p, end, references.strings, "a string reference");
  // A zero of several bytes counts as a reference: resolving it changes nothing.
  if (p >= 0 && !(isKey && p === start + 1 && buf[start] === 0)) references.seen = true;
  return p;
}

/** AnyValue in [p, end). */
export function scanAnyValue(buf: Buffer, p: number, end: number, depth: number): number {
  if (depth > maxValueDepth) return fail("attribute values nest too deep", p);
  let lists = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    switch (tag.value) {
      case 0x0a:
        p = checkString(buf, p, end, "an attribute value");
        break;
      case 0x10:
      case 0x18:
        p = skipVarint(buf, p, end);
        break;
      case 0x21:
        p = p + 8 <= end ? p + 8 : fail("truncated double", p);
        break;
      case 0x2a:
      case 0x32:
        if (lists++ > 0) return fail("an attribute value in parts", p);
        p = scanRepeated(buf, p, end, depth, tag.value === 0x32);
        break;
      case 0x3a:
        p = skipField(buf, p, end, 2);
        break;
      case 0x40:
        p = scanReference(buf, p, end, false);
        break;
      default:
        p = scanUnknown(buf, p, end, 8, "AnyValue");
    }
    if (p < 0) return p;
  }
  return p;
}

/** ArrayValue or KeyValueList at p. */
function scanRepeated(buf: Buffer, p: number, end: number, depth: number, keyed: boolean): number {
  p = openLength(buf, p, end);
  if (p < 0) return p;
  const stop = span.end;
  while (p < stop) {
    p = readTag(buf, p, stop);
    if (p < 0) return p;
    if (tag.value === 0x0a) {
      p = openLength(buf, p, stop);
      if (p < 0) return p;
      p = keyed ? scanKeyValue(buf, p, span.end, depth + 1) : scanAnyValue(buf, p, span.end, depth + 1);
    } else p = scanUnknown(buf, p, stop, 1, keyed ? "KeyValueList" : "ArrayValue");
    if (p < 0) return p;
  }
  return p;
}

/** KeyValue in [p, end). */
export function scanKeyValue(buf: Buffer, p: number, end: number, depth: number): number {
  let values = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) p = checkString(buf, p, end, "an attribute key");
    else if (tag.value === 0x12) {
      if (values++ > 0) return fail("an attribute value in parts", p);
      p = openLength(buf, p, end);
      if (p < 0) return p;
      p = scanAnyValue(buf, p, span.end, depth);
    } else if (tag.value === 0x18) p = scanReference(buf, p, end, true);
    else p = scanUnknown(buf, p, end, 3, "KeyValue");
    if (p < 0) return p;
  }
  return p;
}

/** A field whose number is not known, or one that is known with a wire type that is not the plain one. */
export function scanUnknown(buf: Buffer, p: number, end: number, known: number, message: string): number {
  const field = tag.value >>> 3;
  if (field <= known) return fail(`wrong wire type ${tag.value & 7} for field ${field} of ${message}`, p);
  return skipField(buf, p, end, tag.value & 7);
}

/** Resource in [p, end). */
export function scanResource(buf: Buffer, p: number, end: number): number {
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      p = scanKeyValue(buf, p, span.end, 1);
    } else if (tag.value === 0x10) p = skipVarint(buf, p, end);
    else if (tag.value === 0x1a) {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      p = scanEntityRef(buf, p, span.end);
    } else p = scanUnknown(buf, p, end, 3, "Resource");
    if (p < 0) return p;
  }
  return p;
}

function scanEntityRef(buf: Buffer, p: number, end: number): number {
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    const known = tag.value === 0x0a || tag.value === 0x12 || tag.value === 0x1a || tag.value === 0x22;
    p = known ? checkString(buf, p, end, "an entity reference") : scanUnknown(buf, p, end, 4, "EntityRef");
    if (p < 0) return p;
  }
  return p;
}

/** InstrumentationScope in [p, end). */
export function scanScope(buf: Buffer, p: number, end: number): number {
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a || tag.value === 0x12) p = checkString(buf, p, end, "a scope name or version");
    else if (tag.value === 0x1a) {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      p = scanKeyValue(buf, p, span.end, 1);
    } else if (tag.value === 0x20) p = skipVarint(buf, p, end);
    else p = scanUnknown(buf, p, end, 4, "InstrumentationScope");
    if (p < 0) return p;
  }
  return p;
}
