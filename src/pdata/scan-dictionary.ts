import { Reader } from "../proto/wire.js";
import {
  checkId,
  checkIndex,
  checkIndexList,
  fail,
  failForGood,
  isText,
  openLength,
  readTag,
  skipField,
  skipVarint,
  span,
  tag,
} from "./scan-primitives.js";
import { references, scanAnyValue, scanUnknown } from "./scan-values.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING, TABLES, tableNames } from "./tables.js";

/** Where the entries of the dictionary are: entry i of a table is [ranges[2i], ranges[2i+1]). Reused from scan to scan. */
export interface TableIndex {
  readonly counts: Int32Array;
  readonly ranges: Int32Array[];
  /** True if the dictionary has fields that are no table. */
  hasUnknown: boolean;
}

export function newTableIndex(): TableIndex {
  return { counts: new Int32Array(8), ranges: Array.from({ length: 8 }, () => new Int32Array(512)), hasUnknown: false };
}

/** Most entries that a table may have. */
const maxEntries = 2_097_152;

/** Gives back the memory that an unusually large dictionary took. */
export function shrink(index: TableIndex): void {
  for (const table of TABLES) if (index.ranges[table].length > 1 << 17) index.ranges[table] = new Int32Array(512);
}

function grown(ranges: Int32Array): Int32Array {
  const larger = new Int32Array(ranges.length * 2);
  larger.set(ranges);
  return larger;
}

/** First pass over the dictionary's content [p, end): finds every entry and checks the strings. */
export function indexTables(buf: Buffer, p: number, end: number, index: TableIndex): number {
  const { counts, ranges } = index;
  counts.fill(0);
  index.hasUnknown = false;
  while (p < end) {
    const byte = buf[p++];
    const table = byte >>> 3;
    if ((byte & 7) !== 2 || table > STACK || table === 0) {
      index.hasUnknown = true;
      p = readTag(buf, p - 1, end);
      if (p >= 0) p = scanUnknown(buf, p, end, STACK, "ProfilesDictionary");
      if (p < 0) return p;
      continue;
    }
    let stop: number;
    if (p < end && buf[p] < 0x80) {
      stop = p + 1 + buf[p];
      if (stop > end) return fail("a length past the end of its message", p);
      p++;
    } else {
      p = openLength(buf, p, end);
      if (p < 0) return p;
      stop = span.end;
    }
    const at = 2 * counts[table]++;
    let list = ranges[table];
    if (at >= list.length) {
      if (at >= 2 * maxEntries) return failForGood(`more than ${maxEntries} entries in ${tableNames[table]}`, p);
      list = grown(list);
      ranges[table] = list;
    }
    list[at] = p;
    list[at + 1] = stop;
    if (table === STRING && !isText(buf, p, stop)) return fail("a string in string_table is not valid UTF-8", p);
    p = stop;
  }
  return p;
}

/** Where the entries of a dictionary that has passed the scan are, in arrays of just their size. */
export function locateEntries(buf: Buffer, p: number, end: number, counts: Int32Array): Int32Array[] {
  const ranges = Array.from(counts, (count) => new Int32Array(2 * count));
  const filled = new Int32Array(8);
  while (p < end) {
    p = readTag(buf, p, end);
    const table = tag.value >>> 3;
    if (table > STACK) {
      p = skipField(buf, p, end, tag.value & 7);
      continue;
    }
    p = openLength(buf, p, end);
    const at = filled[table];
    filled[table] = at + 2;
    ranges[table][at] = p;
    ranges[table][at + 1] = span.end;
    p = span.end;
  }
  return ranges;
}

/** Second pass: checks the entries of every table, once all counts are known. */
export function checkTables(buf: Buffer, index: TableIndex): number {
  references.strings = limit(index.counts, STRING);
  references.seen = false;
  for (const table of TABLES) {
    const ranges = index.ranges[table];
    const count = index.counts[table];
    if (count > 0 && !isZeroEntry(buf, ranges[0], ranges[1], table)) {
      return fail(`${tableNames[table]}[0] must be the zero value`, ranges[0]);
    }
  }
  const { ranges, counts } = index;
  // A loop for each table: calls through a variable would not be compiled into it.
  for (let i = 0, r = ranges[STACK]; i < 2 * counts[STACK]; i += 2) {
    if (checkStack(buf, r[i], r[i + 1], counts) < 0) return -1;
  }
  for (let i = 0, r = ranges[LOCATION]; i < 2 * counts[LOCATION]; i += 2) {
    if (checkLocation(buf, r[i], r[i + 1], counts) < 0) return -1;
  }
  for (let i = 0, r = ranges[FUNCTION]; i < 2 * counts[FUNCTION]; i += 2) {
    if (checkFunction(buf, r[i], r[i + 1], counts) < 0) return -1;
  }
  for (let i = 0, r = ranges[MAPPING]; i < 2 * counts[MAPPING]; i += 2) {
    if (checkMapping(buf, r[i], r[i + 1], counts) < 0) return -1;
  }
  for (let i = 0, r = ranges[ATTRIBUTE]; i < 2 * counts[ATTRIBUTE]; i += 2) {
    if (checkAttribute(buf, r[i], r[i + 1], counts) < 0) return -1;
  }
  for (let i = 0, r = ranges[LINK]; i < 2 * counts[LINK]; i += 2) {
    if (checkLink(buf, r[i], r[i + 1]) < 0) return -1;
  }
  return 0;
}

/** Entries that a reference may name: index 0 is legal even where the table is missing (it is repaired). */
export function limit(counts: Int32Array, table: number): number {
  return counts[table] || 1;
}

function checkStack(buf: Buffer, p: number, end: number, counts: Int32Array): number {
  const locations = limit(counts, LOCATION);
  let lists = 0;
  while (p < end) {
    if (buf[p] === 0x0a) {
      if (lists++ > 0) return fail("a packed list in parts", p);
      p = openLength(buf, p + 1, end);
      if (p < 0) return p;
      p = checkIndexList(buf, p, span.end, locations, "a location index");
    } else {
      p = readTag(buf, p, end);
      if (p >= 0) p = scanUnknown(buf, p, end, 1, "Stack");
    }
    if (p < 0) return p;
  }
  return p;
}

function checkLine(buf: Buffer, p: number, end: number, functions: number): number {
  while (p < end) {
    const byte = buf[p++];
    if (byte === 0x08) p = checkIndex(buf, p, end, functions, "a function index");
    else if (byte === 0x10 || byte === 0x18) p = skipVarint(buf, p, end);
    else {
      p = readTag(buf, p - 1, end);
      if (p >= 0) p = scanUnknown(buf, p, end, 3, "Line");
    }
    if (p < 0) return p;
  }
  return p;
}

function checkLocation(buf: Buffer, p: number, end: number, counts: Int32Array): number {
  let lists = 0;
  while (p < end) {
    const byte = buf[p++];
    switch (byte) {
      case 0x08:
        p = checkIndex(buf, p, end, limit(counts, MAPPING), "a mapping index");
        break;
      case 0x10:
        p = skipVarint(buf, p, end);
        break;
      case 0x1a:
        p = openLength(buf, p, end);
        if (p >= 0) p = checkLine(buf, p, span.end, limit(counts, FUNCTION));
        break;
      case 0x22:
        if (lists++ > 0) return fail("a packed list in parts", p);
        p = openLength(buf, p, end);
        if (p >= 0) p = checkIndexList(buf, p, span.end, limit(counts, ATTRIBUTE), "a location's attribute index");
        break;
      default:
        p = readTag(buf, p - 1, end);
        if (p >= 0) p = scanUnknown(buf, p, end, 4, "Location");
    }
    if (p < 0) return p;
  }
  return p;
}

function checkFunction(buf: Buffer, p: number, end: number, counts: Int32Array): number {
  const strings = limit(counts, STRING);
  while (p < end) {
    const byte = buf[p++];
    if (byte === 0x08 || byte === 0x10 || byte === 0x18) {
      p = checkIndex(buf, p, end, strings, "a function's string index");
    } else if (byte === 0x20) p = skipVarint(buf, p, end);
    else {
      p = readTag(buf, p - 1, end);
      if (p >= 0) p = scanUnknown(buf, p, end, 4, "Function");
    }
    if (p < 0) return p;
  }
  return p;
}

function checkMapping(buf: Buffer, p: number, end: number, counts: Int32Array): number {
  let lists = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    switch (tag.value) {
      case 0x08:
      case 0x10:
      case 0x18:
        p = skipVarint(buf, p, end);
        break;
      case 0x20:
        p = checkIndex(buf, p, end, limit(counts, STRING), "a mapping's file name index");
        break;
      case 0x2a:
        if (lists++ > 0) return fail("a packed list in parts", p);
        p = openLength(buf, p, end);
        if (p >= 0) p = checkIndexList(buf, p, span.end, limit(counts, ATTRIBUTE), "a mapping's attribute index");
        break;
      default:
        p = scanUnknown(buf, p, end, 5, "Mapping");
    }
    if (p < 0) return p;
  }
  return p;
}

function checkLink(buf: Buffer, p: number, end: number): number {
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x0a) p = checkId(buf, p, end, 16, "trace_id");
    else if (tag.value === 0x12) p = checkId(buf, p, end, 8, "span_id");
    else p = scanUnknown(buf, p, end, 2, "Link");
    if (p < 0) return p;
  }
  return p;
}

function checkAttribute(buf: Buffer, p: number, end: number, counts: Int32Array): number {
  const strings = limit(counts, STRING);
  let values = 0;
  while (p < end) {
    p = readTag(buf, p, end);
    if (p < 0) return p;
    if (tag.value === 0x08) p = checkIndex(buf, p, end, strings, "an attribute's key index");
    else if (tag.value === 0x18) p = checkIndex(buf, p, end, strings, "an attribute's unit index");
    else if (tag.value === 0x12) {
      if (values++ > 0) return fail("an attribute value in parts", p);
      p = openLength(buf, p, end);
      if (p >= 0) p = scanAnyValue(buf, p, span.end, 1);
      if (references.seen) return fail("a reference inside attribute_table", p);
    } else p = scanUnknown(buf, p, end, 3, "KeyValueAndUnit");
    if (p < 0) return p;
  }
  return p;
}

/** Known fields of each table's message; others don't count when an entry is held against zero. */
const knownFields = [0, 5, 4, 4, 2, 0, 3, 1];

/** Of each table's message, the fields that are int32 (a bit mask of 1 << number): their upper 32 bits don't count. */
const int32Fields = [0, 1 << 4, 1 << 1, 0b1110, 0, 0, 0b1010, 0];

/** True if the entry means zero: nothing set, or only zeros (a link of zero bytes, an attribute with an empty value). */
function isZeroEntry(buf: Buffer, start: number, end: number, table: number): boolean {
  if (table === STRING) return start === end;
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field > knownFields[table]) reader.skip();
    else if (reader.wireType === 0) {
      const high = reader.skipVarintHigh();
      const isInt32 = (int32Fields[table] & (1 << reader.field)) !== 0;
      if (reader.low !== 0 || (high !== 0 && !isInt32)) return false;
    } else if (reader.wireType === 2) {
      if (table === LOCATION && reader.field === 3) return false;
      const content = reader.bytes();
      for (let i = 0; i < content.length; i++) if (table !== LINK || content[i] !== 0) return false;
    } else return false;
  }
  return true;
}
