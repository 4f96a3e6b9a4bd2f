import {
  DEEP_VALUE,
  IN_PARTS,
  MESSAGE_ANY_VALUE,
  MESSAGE_ARRAY,
  MESSAGE_ENTITY,
  MESSAGE_KEY_VALUE,
  MESSAGE_MAP,
  MESSAGE_RESOURCE,
  MESSAGE_SCOPE,
  PART_VALUE,
  TEXT_ATTRIBUTE_KEY,
  TEXT_ATTRIBUTE_VALUE,
  TEXT_ENTITY,
  TEXT_SCOPE,
  TRUNCATED_FIXED64,
} from "./faults";
import { noteIndex } from "./indices";
import { maxValueDepth, STRING } from "./numbers";
import { checkText, fail, openLength, readTag, skipField, skipUnknown, skipVarint, spanEnd, tag } from "./primitives";

/**
 * Resources, scopes and attribute values. References into the string table are noted here and resolved before anything
 * else sees the batch (../references.ts).
 */

/** Whether a reference was seen since clearReferences. */
export let hasReferences: bool = false;

export function clearReferences(): void {
  hasReferences = false;
}

/** A string index; 0 in a key means "not set". */
function scanReference(p: usize, end: usize, isKey: bool): usize {
  const start = p;
  p = noteIndex(p, end, STRING);
  // A zero of several bytes counts as a reference: resolving it changes nothing.
  if (p !== 0 && !(isKey && p === start + 1 && load<u8>(start) === 0)) hasReferences = true;
  return p;
}

/** AnyValue in [p, end). */
export function scanAnyValue(p: usize, end: usize, depth: i32): usize {
  if (depth > maxValueDepth) return fail(DEEP_VALUE, p);
  let hasList = false;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    switch (tag) {
      case 0x0a:
        p = checkText(p, end, TEXT_ATTRIBUTE_VALUE);
        break;
      case 0x10:
      case 0x18:
        p = skipVarint(p, end);
        break;
      case 0x21:
        p = end - p >= 8 ? p + 8 : fail(TRUNCATED_FIXED64, p);
        break;
      case 0x2a:
      case 0x32:
        if (hasList) return fail(IN_PARTS, p, PART_VALUE);
        hasList = true;
        p = scanRepeated(p, end, depth, tag === 0x32);
        break;
      case 0x3a:
        p = skipField(p, end, 2);
        break;
      case 0x40:
        p = scanReference(p, end, false);
        break;
      default:
        p = skipUnknown(p, end, 8, MESSAGE_ANY_VALUE);
    }
    if (p === 0) return 0;
  }
  return p;
}

/** ArrayValue or KeyValueList at p. */
function scanRepeated(p: usize, end: usize, depth: i32, keyed: bool): usize {
  p = openLength(p, end);
  if (p === 0) return 0;
  const stop = spanEnd;
  while (p < stop) {
    p = readTag(p, stop);
    if (p === 0) return 0;
    if (tag === 0x0a) {
      p = openLength(p, stop);
      if (p === 0) return 0;
      p = keyed ? scanKeyValue(p, spanEnd, depth + 1) : scanAnyValue(p, spanEnd, depth + 1);
    } else p = skipUnknown(p, stop, 1, keyed ? MESSAGE_MAP : MESSAGE_ARRAY);
    if (p === 0) return 0;
  }
  return p;
}

/** KeyValue in [p, end). */
function scanKeyValue(p: usize, end: usize, depth: i32): usize {
  let hasValue = false;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) p = checkText(p, end, TEXT_ATTRIBUTE_KEY);
    else if (tag === 0x12) {
      if (hasValue) return fail(IN_PARTS, p, PART_VALUE);
      hasValue = true;
      p = openLength(p, end);
      if (p === 0) return 0;
      p = scanAnyValue(p, spanEnd, depth);
    } else if (tag === 0x18) p = scanReference(p, end, true);
    else p = skipUnknown(p, end, 3, MESSAGE_KEY_VALUE);
    if (p === 0) return 0;
  }
  return p;
}

/** Resource in [p, end). */
export function scanResource(p: usize, end: usize): usize {
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) {
      p = openLength(p, end);
      if (p === 0) return 0;
      p = scanKeyValue(p, spanEnd, 1);
    } else if (tag === 0x10) p = skipVarint(p, end);
    else if (tag === 0x1a) {
      p = openLength(p, end);
      if (p === 0) return 0;
      p = scanEntityRef(p, spanEnd);
    } else p = skipUnknown(p, end, 3, MESSAGE_RESOURCE);
    if (p === 0) return 0;
  }
  return p;
}

function scanEntityRef(p: usize, end: usize): usize {
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    const known = tag === 0x0a || tag === 0x12 || tag === 0x1a || tag === 0x22;
    p = known ? checkText(p, end, TEXT_ENTITY) : skipUnknown(p, end, 4, MESSAGE_ENTITY);
    if (p === 0) return 0;
  }
  return p;
}

/** InstrumentationScope in [p, end). */
export function scanScope(p: usize, end: usize): usize {
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a || tag === 0x12) p = checkText(p, end, TEXT_SCOPE);
    else if (tag === 0x1a) {
      p = openLength(p, end);
      if (p === 0) return 0;
      p = scanKeyValue(p, spanEnd, 1);
    } else if (tag === 0x20) p = skipVarint(p, end);
    else p = skipUnknown(p, end, 4, MESSAGE_SCOPE);
    if (p === 0) return 0;
  }
  return p;
}
