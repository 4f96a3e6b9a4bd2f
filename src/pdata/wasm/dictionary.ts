import {
  ID_SPAN,
  ID_TRACE,
  IN_PARTS,
  MANY_ENTRIES,
  MESSAGE_DICTIONARY,
  MESSAGE_LINE,
  NOT_UTF8,
  NOT_ZERO,
  PART_VALUE,
  REFERENCE_IN_TABLE,
  TEXT_STRING_TABLE,
} from "./faults";
import { noteIndex, noteIndexList, slot } from "./indices";
import { COUNTS, FLAGS } from "./layout";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, maxEntries, STACK, STRING } from "./numbers";
import {
  checkId,
  fail,
  once,
  openLength,
  readTag,
  readVarint,
  skipField,
  skipUnknown,
  skipVarint,
  spanEnd,
  tag,
  varint,
} from "./primitives";
import { isText } from "./utf8";
import { clearReferences, hasReferences, scanAnyValue } from "./values";

/** Walks the dictionary's content [p, end): counts the entries of each table, checks them, notes the indices they name. */
export function scanDictionary(p: usize, end: usize): usize {
  while (p < end) {
    const byte = u32(load<u8>(p));
    const table = byte >>> 3;
    if ((byte & 7) !== 2 || table > u32(STACK) || table === 0) {
      store<u32>(FLAGS, 1);
      p = readTag(p, end);
      if (p !== 0) p = skipUnknown(p, end, STACK, MESSAGE_DICTIONARY);
      if (p === 0) return 0;
      continue;
    }
    p = openLength(p + 1, end);
    if (p === 0) return 0;
    const stop = spanEnd;
    const count = slot(COUNTS, table);
    const index = load<u32>(count);
    if (index === 0 && !isZeroEntry(p, stop, table)) return fail(NOT_ZERO, p, table);
    if (index >= u32(maxEntries)) return fail(MANY_ENTRIES, p, table);
    store<u32>(count, index + 1);
    p = scanEntry(p, stop, table);
    if (p === 0) return 0;
  }
  return p;
}

function scanEntry(p: usize, end: usize, table: u32): usize {
  switch (table) {
    case STRING:
      return isText(p, end) ? end : fail(NOT_UTF8, p, TEXT_STRING_TABLE);
    case LOCATION:
      return scanLocation(p, end);
    case STACK:
      return scanStack(p, end);
    case FUNCTION:
      return scanFunction(p, end);
    case ATTRIBUTE:
      return scanAttribute(p, end);
    case MAPPING:
      return scanMapping(p, end);
    default:
      return scanLink(p, end);
  }
}

function scanStack(p: usize, end: usize): usize {
  let seen: u32 = 0;
  while (p < end) {
    if (load<u8>(p) === 0x0a) {
      if (!once(seen, 1, p)) return 0;
      seen = 1;
      p = openLength(p + 1, end);
      if (p !== 0) p = noteIndexList(p, spanEnd, LOCATION);
    } else {
      p = readTag(p, end);
      if (p !== 0) p = skipUnknown(p, end, 1, STACK);
    }
    if (p === 0) return 0;
  }
  return p;
}

function scanLine(p: usize, end: usize): usize {
  while (p < end) {
    const byte = load<u8>(p);
    if (byte === 0x08) p = noteIndex(p + 1, end, FUNCTION);
    else if (byte === 0x10 || byte === 0x18) p = skipVarint(p + 1, end);
    else {
      p = readTag(p, end);
      if (p !== 0) p = skipUnknown(p, end, 3, MESSAGE_LINE);
    }
    if (p === 0) return 0;
  }
  return p;
}

function scanLocation(p: usize, end: usize): usize {
  let seen: u32 = 0;
  while (p < end) {
    switch (load<u8>(p)) {
      case 0x08:
        p = noteIndex(p + 1, end, MAPPING);
        break;
      case 0x10:
        p = skipVarint(p + 1, end);
        break;
      case 0x1a:
        p = openLength(p + 1, end);
        if (p !== 0) p = scanLine(p, spanEnd);
        break;
      case 0x22:
        if (!once(seen, 1, p)) return 0;
        seen = 1;
        p = openLength(p + 1, end);
        if (p !== 0) p = noteIndexList(p, spanEnd, ATTRIBUTE);
        break;
      default:
        p = readTag(p, end);
        if (p !== 0) p = skipUnknown(p, end, 4, LOCATION);
    }
    if (p === 0) return 0;
  }
  return p;
}

function scanFunction(p: usize, end: usize): usize {
  while (p < end) {
    const byte = load<u8>(p);
    if (byte === 0x08 || byte === 0x10 || byte === 0x18) p = noteIndex(p + 1, end, STRING);
    else if (byte === 0x20) p = skipVarint(p + 1, end);
    else {
      p = readTag(p, end);
      if (p !== 0) p = skipUnknown(p, end, 4, FUNCTION);
    }
    if (p === 0) return 0;
  }
  return p;
}

function scanMapping(p: usize, end: usize): usize {
  let seen: u32 = 0;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    switch (tag) {
      case 0x08:
      case 0x10:
      case 0x18:
        p = skipVarint(p, end);
        break;
      case 0x20:
        p = noteIndex(p, end, STRING);
        break;
      case 0x2a:
        if (!once(seen, 1, p)) return 0;
        seen = 1;
        p = openLength(p, end);
        if (p !== 0) p = noteIndexList(p, spanEnd, ATTRIBUTE);
        break;
      default:
        p = skipUnknown(p, end, 5, MAPPING);
    }
    if (p === 0) return 0;
  }
  return p;
}

function scanLink(p: usize, end: usize): usize {
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x0a) p = checkId(p, end, 16, ID_TRACE);
    else if (tag === 0x12) p = checkId(p, end, 8, ID_SPAN);
    else p = skipUnknown(p, end, 2, LINK);
    if (p === 0) return 0;
  }
  return p;
}

function scanAttribute(p: usize, end: usize): usize {
  let hasValue = false;
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return 0;
    if (tag === 0x08 || tag === 0x18) p = noteIndex(p, end, STRING);
    else if (tag === 0x12) {
      if (hasValue) return fail(IN_PARTS, p, PART_VALUE);
      hasValue = true;
      p = openLength(p, end);
      if (p === 0) return 0;
      clearReferences();
      p = scanAnyValue(p, spanEnd, 1);
      if (hasReferences) return fail(REFERENCE_IN_TABLE, spanEnd);
    } else p = skipUnknown(p, end, 3, ATTRIBUTE);
    if (p === 0) return 0;
  }
  return p;
}

/** The last known field of each table's message; others don't count when an entry is held against zero. */
function knownFields(table: u32): u32 {
  switch (table) {
    case MAPPING:
      return 5;
    case LOCATION:
    case FUNCTION:
      return 4;
    case LINK:
      return 2;
    case ATTRIBUTE:
      return 3;
    default:
      return 1;
  }
}

/** Whether the field is an int32: its upper 32 bits don't count. */
function isInt32(table: u32, field: u32): bool {
  switch (table) {
    case MAPPING:
      return field === 4;
    case LOCATION:
      return field === 1;
    case FUNCTION:
      return field <= 3;
    case ATTRIBUTE:
      return field === 1 || field === 3;
    default:
      return false;
  }
}

/** True if the entry means zero: nothing set, or only zeros (a link of zero bytes, an attribute with an empty value). */
function isZeroEntry(p: usize, end: usize, table: u32): bool {
  if (table === STRING) return p === end;
  const known = knownFields(table);
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) return false;
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (field > known) {
      p = skipField(p, end, wireType);
      if (p === 0) return false;
    } else if (wireType === 0) {
      p = readVarint(p, end);
      if (p === 0 || (isInt32(table, field) ? u32(varint) !== 0 : varint !== 0)) return false;
    } else if (wireType === 2) {
      if (table === LOCATION && field === 3) return false;
      p = openLength(p, end);
      if (p === 0) return false;
      for (; p < spanEnd; p++) if (table !== LINK || load<u8>(p) !== 0) return false;
    } else return false;
  }
  return true;
}
