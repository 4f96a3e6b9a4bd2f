import { LEN, varintSize, Writer, writeVarint } from "../proto/wire.js";
import type { Dictionary } from "./dictionary.js";
import { OutTable } from "./out-table.js";
import { fault, last, openLength, readTag, readVarint, skipField, span, tag } from "./scan-primitives.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING, TABLES } from "./tables.js";

/** The tables of a dictionary being built. */
export class OutDictionary {
  readonly tables: readonly OutTable[] = Array.from({ length: 8 }, (_, table) => new OutTable(table));
  /** Unknown fields of the dictionaries that went in. */
  readonly unknown = new Writer(64);

  reset(): void {
    for (const table of TABLES) this.tables[table].reset();
    this.unknown.reset();
  }

  get byteSize(): number {
    let size = this.unknown.pos;
    for (const table of TABLES) size += this.tables[table].out.pos;
    return size;
  }
}

const unmapped = -1;

/**
 * What becomes of a field, by table and tag byte: the table that its index or packed list of indices points into, a
 * message of lines, or (0) copied as it is.
 */
const lines = 8;
const references: readonly Uint8Array[] = Array.from({ length: 9 }, () => new Uint8Array(128));
references[STACK][0x0a] = LOCATION;
references[LOCATION][0x08] = MAPPING;
references[LOCATION][0x1a] = lines;
references[LOCATION][0x22] = ATTRIBUTE;
references[lines][0x08] = FUNCTION;
references[FUNCTION][0x08] = STRING;
references[FUNCTION][0x10] = STRING;
references[FUNCTION][0x18] = STRING;
references[MAPPING][0x20] = STRING;
references[MAPPING][0x2a] = ATTRIBUTE;
references[ATTRIBUTE][0x08] = STRING;
references[ATTRIBUTE][0x18] = STRING;

/**
 * Maps the indices of one incoming dictionary to those of the dictionary being built. An entry is read, its references
 * mapped and the result interned when something uses it for the first time; what nothing uses is left behind. The bytes
 * have passed the scan, so their shape is not checked again.
 */
export class DictionaryMapper {
  private readonly source: Dictionary;
  private readonly target: readonly OutTable[];
  private readonly maps: Int32Array[];

  constructor(source: Dictionary, target: OutDictionary) {
    this.source = source;
    this.target = target.tables;
    this.maps = [];
    for (let table = 0; table < 8; table++) {
      const map = new Int32Array(table === 0 ? 0 : Math.max(source.count(table), 1)).fill(unmapped);
      if (table > 0) map[0] = 0;
      this.maps.push(map);
    }
  }

  string(index: number): number {
    return this.mapped(STRING, index);
  }

  stack(index: number): number {
    return this.mapped(STACK, index);
  }

  link(index: number): number {
    return this.mapped(LINK, index);
  }

  private mapped(table: number, index: number): number {
    const known = this.maps[table][index];
    return known !== unmapped ? known : this.map(table, index);
  }

  private map(table: number, index: number): number {
    const { source } = this;
    source.locate(table, index);
    let mapped: number;
    const target = this.target[table];
    if (table === STRING || table === LINK) mapped = target.add(source.atBuf, source.atStart, source.atEnd);
    else {
      // Written where it will stand: mapping a location may add a function, but never another location.
      const { atBuf, atStart, atEnd } = source;
      target.begin(atEnd - atStart);
      if (table === LOCATION) this.location(target.out, atBuf, atStart, atEnd);
      else this.message(target.out, atBuf, atStart, atEnd, table);
      mapped = target.commit();
    }
    this.maps[table][index] = mapped;
    return mapped;
  }

  /** Writes the content [p, end) of a message of the kind `table` with its references mapped. */
  private message(out: Writer, buf: Buffer, p: number, end: number, table: number): void {
    const kinds = references[table];
    // An index of one byte may become one of five.
    out.ensure(5 * (end - p) + 16);
    while (p < end) {
      const byte = buf[p];
      const target = byte < 0x80 ? kinds[byte] : 0;
      if (target === 0) p = copyField(out, buf, p, end);
      else if ((byte & 7) !== LEN) p = this.reference(out, buf, p, end, target);
      else if (target === lines) {
        out.buf[out.pos++] = byte;
        const start = openLength(buf, p + 1, end);
        const stop = span.end;
        const lengthAt = out.pos++;
        this.message(out, buf, start, stop, lines);
        out.closeLength(lengthAt);
        out.ensure(5 * (end - stop) + 16);
        p = stop;
      } else {
        const start = openLength(buf, p + 1, end);
        p = span.end;
        this.list(out, byte, buf, start, p, target);
      }
    }
  }

  /** `message` for a location, the most frequent of all: the usual fields in line. */
  private location(out: Writer, buf: Buffer, p: number, end: number): void {
    while (p < end) {
      const byte = buf[p];
      if (byte === 0x08) p = this.reference(out, buf, p, end, MAPPING);
      else if (byte === 0x10) p = copyVarintField(out, buf, p);
      else if (byte === 0x1a && buf[p + 1] < 0x80) {
        const stop = p + 2 + buf[p + 1];
        out.buf[out.pos++] = 0x1a;
        const lengthAt = out.pos++;
        p += 2;
        while (p < stop) {
          const inner = buf[p];
          if (inner === 0x08) p = this.reference(out, buf, p, stop, FUNCTION);
          else if (inner === 0x10 || inner === 0x18) p = copyVarintField(out, buf, p);
          else p = copyField(out, buf, p, stop);
        }
        const length = out.pos - lengthAt - 1;
        if (length < 0x80) out.buf[lengthAt] = length;
        else out.closeLength(lengthAt);
      } else if (byte === 0x22) {
        const start = openLength(buf, p + 1, end);
        p = span.end;
        this.list(out, byte, buf, start, p, ATTRIBUTE);
      } else if (byte === 0x1a) {
        this.message(out, buf, p, openLength(buf, p + 1, end) < 0 ? end : span.end, LOCATION);
        p = span.end;
      } else p = copyField(out, buf, p, end);
    }
  }

  /** An index field at p, also one that is 0: the last of several counts. */
  private reference(out: Writer, buf: Buffer, p: number, end: number, table: number): number {
    const byte = buf[p++];
    let index = buf[p++];
    if (index > 0x7f) {
      p = readVarint(buf, p - 1, end);
      index = last.low;
    }
    let mapped = this.maps[table][index];
    if (mapped === unmapped) mapped = this.map(table, index);
    const target = out.buf;
    let pos = out.pos;
    target[pos++] = byte;
    if (mapped < 0x80) target[pos++] = mapped;
    else pos = writeVarint(target, pos, mapped);
    out.pos = pos;
    return p;
  }

  /** Writes a packed list of mapped indices, tag and length included; `tag` is one byte. */
  private list(out: Writer, tagByte: number, buf: Buffer, p: number, end: number, table: number): void {
    if (p === end) return;
    const map = this.maps[table];
    out.ensure(5 * (end - p) + 8);
    const lengthAt = out.pos + 1;
    let target = out.buf;
    target[out.pos] = tagByte;
    // Longer lists have longer lengths: leave room for the likely size, mend it below.
    const room = varintSize(end - p);
    let pos = lengthAt + room;
    while (p < end) {
      let index = buf[p++];
      if (index > 0x7f) {
        const second = buf[p];
        if (second < 0x80) {
          index = (index & 0x7f) | (second << 7);
          p++;
        } else {
          p = readVarint(buf, p - 1, end);
          index = last.low;
        }
      }
      let mapped = map[index];
      if (mapped === unmapped) {
        mapped = this.map(table, index);
        target = out.buf;
      }
      if (mapped < 0x80) target[pos++] = mapped;
      else if (mapped < 0x4000) {
        target[pos++] = (mapped & 0x7f) | 0x80;
        target[pos++] = mapped >>> 7;
      } else pos = writeVarint(target, pos, mapped);
    }
    const length = pos - lengthAt - room;
    const size = varintSize(length);
    if (size !== room) {
      target.copyWithin(lengthAt + size, lengthAt + room, pos);
      pos += size - room;
    }
    writeVarint(target, lengthAt, length);
    out.pos = pos;
  }

  /** A packed list of attribute indices at [p, end), as the field whose one-byte tag is given. */
  attributes(out: Writer, tagByte: number, buf: Buffer, p: number, end: number): void {
    this.list(out, tagByte, buf, p, end, ATTRIBUTE);
  }
}

/** Copies a field of one-byte tag and varint value that the scan has passed. There is room for it. */
function copyVarintField(out: Writer, buf: Buffer, p: number): number {
  const target = out.buf;
  let pos = out.pos;
  target[pos++] = buf[p++];
  let byte: number;
  do {
    byte = buf[p++];
    target[pos++] = byte;
  } while (byte > 0x7f);
  out.pos = pos;
  return p;
}

/** Copies the field at p as it is; returns the position behind it. There is room for it. */
export function copyField(out: Writer, buf: Buffer, p: number, end: number): number {
  const start = p;
  p = readTag(buf, p, end);
  p = skipField(buf, p, end, tag.value & 7);
  if (p < 0) throw new Error(`a field that the scan passed can't be read: ${fault.reason}`);
  const length = p - start;
  if (length > 48) buf.copy(out.buf, out.pos, start, p);
  else for (let i = 0, to = out.pos; i < length; i++) out.buf[to + i] = buf[start + i];
  out.pos += length;
  return p;
}
