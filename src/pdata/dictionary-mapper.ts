import type { Dictionary } from "./dictionary.js";
import { OutTable } from "./out-table.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING, TABLES } from "./tables.js";

import { LEN, Reader, VARINT, Writer } from "../proto/wire.js";

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
 * Maps the indices of one incoming dictionary to those of the dictionary being built. An entry is read, its references
 * mapped and the result interned when something uses it for the first time; what nothing uses is left behind.
 */
export class DictionaryMapper {
  private readonly source: Dictionary;
  private readonly target: readonly OutTable[];
  private readonly maps: Int32Array[];
  /** One per table: writing a location may map a function, but never another location. */
  private readonly scratch: readonly Writer[];

  constructor(source: Dictionary, target: OutDictionary, scratch: readonly Writer[]) {
    this.source = source;
    this.target = target.tables;
    this.scratch = scratch;
    this.maps = [];
    for (let table = 0; table < 8; table++) {
      const map = new Int32Array(table === 0 ? 0 : Math.max(source.count(table), 1)).fill(unmapped);
      if (table > 0) map[0] = 0;
      this.maps.push(map);
    }
  }

  string(index: number): number {
    const known = this.maps[STRING][index];
    if (known !== unmapped) return known;
    const entry = this.source.entry(STRING, index);
    return this.note(STRING, index, this.target[STRING].add(entry.buf, entry.pos, entry.end));
  }

  stack(index: number): number {
    const known = this.maps[STACK][index];
    return known !== unmapped ? known : this.mapStack(index);
  }

  attribute(index: number): number {
    const known = this.maps[ATTRIBUTE][index];
    return known !== unmapped ? known : this.mapAttribute(index);
  }

  link(index: number): number {
    const known = this.maps[LINK][index];
    if (known !== unmapped) return known;
    const entry = this.source.entry(LINK, index);
    return this.note(LINK, index, this.target[LINK].add(entry.buf, entry.pos, entry.end));
  }

  private note(table: number, index: number, mapped: number): number {
    this.maps[table][index] = mapped;
    return mapped;
  }

  private intern(table: number, index: number, content: Writer): number {
    return this.note(table, index, this.target[table].add(content.buf, 0, content.pos));
  }

  private begin(table: number): Writer {
    const writer = this.scratch[table];
    writer.reset();
    return writer;
  }

  private mapStack(index: number): number {
    const entry = this.source.entry(STACK, index);
    const out = this.begin(STACK);
    while (entry.next()) {
      if (entry.field === 1) this.packed(out, 1, entry, this.maps[LOCATION], LOCATION);
      else copyField(out, entry);
    }
    return this.intern(STACK, index, out);
  }

  private location(index: number): number {
    const entry = this.source.entry(LOCATION, index);
    const out = this.begin(LOCATION);
    while (entry.next()) {
      if (entry.field === 1) this.reference(out, 0x08, entry, MAPPING);
      else if (entry.field === 3) this.line(out, entry);
      else if (entry.field === 4) this.packed(out, 4, entry, this.maps[ATTRIBUTE], ATTRIBUTE);
      else copyField(out, entry);
    }
    return this.intern(LOCATION, index, out);
  }

  private line(out: Writer, entry: Reader): void {
    const end = entry.length() + entry.pos;
    out.ensure(end - entry.pos + 16);
    out.buf[out.pos++] = 0x1a;
    const lengthAt = out.pos++;
    const line = new Reader(entry.buf, entry.pos, end);
    while (line.next()) {
      if (line.field === 1) this.reference(out, 0x08, line, FUNCTION);
      else copyField(out, line);
    }
    entry.pos = end;
    out.closeLength(lengthAt);
  }


  private function(index: number): number {
    const entry = this.source.entry(FUNCTION, index);
    const out = this.begin(FUNCTION);
    while (entry.next()) {
      if (entry.field <= 3) this.reference(out, entry.field << 3, entry, STRING);
      else copyField(out, entry);
    }
    return this.intern(FUNCTION, index, out);
  }

  private mapping(index: number): number {
    const entry = this.source.entry(MAPPING, index);
    const out = this.begin(MAPPING);
    while (entry.next()) {
      if (entry.field === 4) this.reference(out, 0x20, entry, STRING);
      else if (entry.field === 5) this.packed(out, 5, entry, this.maps[ATTRIBUTE], ATTRIBUTE);
      else copyField(out, entry);
    }
    return this.intern(MAPPING, index, out);
  }

  private mapAttribute(index: number): number {
    const entry = this.source.entry(ATTRIBUTE, index);
    const out = this.begin(ATTRIBUTE);
    while (entry.next()) {
      if (entry.field === 1 || entry.field === 3) this.reference(out, entry.field << 3, entry, STRING);
      else copyField(out, entry);
    }
    return this.intern(ATTRIBUTE, index, out);
  }

  private mapped(table: number, index: number): number {
    const known = this.maps[table][index];
    if (known !== unmapped) return known;
    switch (table) {
      case LOCATION:
        return this.location(index);
      case FUNCTION:
        return this.function(index);
      case MAPPING:
        return this.mapping(index);
      case STRING:
        return this.string(index);
      default:
        return this.mapAttribute(index);
    }
  }

  /** Writes a mapped index field; also a 0 that was given, since the last of several counts. */
  private reference(out: Writer, tag: number, entry: Reader, table: number): void {
    const index = this.mapped(table, entry.int32());
    out.ensure(6);
    out.buf[out.pos++] = tag | VARINT;
    out.varint(index);
  }

  /** Writes a packed list of mapped indices. */
  packed(out: Writer, field: number, entry: Reader, map: Int32Array, table: number): void {
    const length = entry.length();
    if (length === 0) return;
    const end = entry.pos + length;
    const { buf } = entry;
    out.ensure(length * 5 + 8);
    out.buf[out.pos++] = (field << 3) | LEN;
    const lengthAt = out.pos++;
    while (entry.pos < end) {
      let index = buf[entry.pos];
      if (index < 0x80) entry.pos++;
      else index = entry.int32();
      let mapped = map[index];
      if (mapped === unmapped) mapped = this.mapped(table, index);
      if (mapped < 0x80) out.buf[out.pos++] = mapped;
      else out.varint(mapped);
    }
    out.closeLength(lengthAt);
  }

  /** A packed list of attribute indices. */
  attributes(out: Writer, field: number, entry: Reader): void {
    this.packed(out, field, entry, this.maps[ATTRIBUTE], ATTRIBUTE);
  }
}

/** Copies the field that `entry` stands on, as it is. */
function copyField(out: Writer, entry: Reader): void {
  const start = entry.fieldStart;
  entry.skip();
  const length = entry.pos - start;
  if (length > 24) {
    out.raw(entry.buf, start, entry.pos);
    return;
  }
  out.ensure(length);
  for (let i = start; i < entry.pos; i++) out.buf[out.pos++] = entry.buf[i];
}

/** Fresh scratch buffers for mappers; they may be shared by mappers that don't work at the same time. */
export function newScratch(): Writer[] {
  return Array.from({ length: 8 }, () => new Writer(512));
}
