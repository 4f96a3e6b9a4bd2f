import type { ProfilesBuilder } from "../pdata/builder.js";
import type { OutTable } from "../pdata/out-table.js";
import { LOCATION } from "../pdata/tables.js";
import { writeVarint } from "../proto/wire.js";
import { invalid } from "./invalid.js";
import { boolValue, checkId, number64, type PprofEntries } from "./pprof-entries.js";
import { PprofIds } from "./pprof-ids.js";
import type { PprofIndex } from "./pprof-index.js";
import { PprofWriter } from "./pprof-writer.js";
import { ScratchInts } from "./scratch.js";
import { cursor, last, readLength, readLongTag, readVarint, skipUnknown, smallVarint } from "./varint.js";

/*
 * Location { id 1, mapping_id 2, address 3, line 4, is_folded 5 }     Line { function_id 1, line 2, column 3 }
 * becomes
 * Location { mapping_index 1, address 2, lines 3, attribute_indices 4 }     Line { function_index 1, line 2, column 3 }
 */

/** Decoding is synchronous: one set of buffers and tables serves all. */
const ids = new PprofIds();
const ints = new ScratchInts();
const scratch = { out: new PprofWriter(1024), lines: new PprofWriter(1024) };

/** The locations of one pprof as entries of the dictionary being built, used by a sample or not. */
export class PprofLocations {
  readonly ids = ids;
  /** location_table indices by position in the pprof. */
  readonly indices: Int32Array;
  private readonly buf: Buffer;
  private readonly builder: ProfilesBuilder;
  private readonly table: OutTable;
  private readonly entries: PprofEntries;
  private foldedAttribute = 0;

  constructor({ buf, locations }: PprofIndex, entries: PprofEntries, builder: ProfilesBuilder) {
    this.buf = buf;
    this.builder = builder;
    this.table = builder.table(LOCATION);
    this.entries = entries;
    ids.reset(locations.length);
    this.indices = ints.take(locations.length, 0);
    const { data, length } = locations;
    for (let i = 0; i < length; i++) {
      const index = this.plain(data[2 * i], data[2 * i + 1], i);
      this.indices[i] = index >= 0 ? index : this.any(data[2 * i], data[2 * i + 1], i);
    }
  }

  /**
   * A location as encoders write it (small ids, lines of nothing but a function and a number, the mapping in front or
   * behind), straight into the dictionary. -1, and nothing done, for any other: `any` reads those, and says what is wrong
   * with them.
   */
  private plain(p: number, end: number, position: number): number {
    const { buf, table, entries } = this;
    const id = buf[p] === 0x08 ? smallVarint(buf, p + 1) : -1;
    if (id <= 0 || id >= ids.limit || ids.dense[id] >= 0) return -1;
    p = cursor;
    let mapping = 0;
    if (buf[p] === 0x10) {
      mapping = this.mapping(p + 1);
      p = cursor;
    }
    const address = p;
    if (buf[p] === 0x18) {
      if (buf[p + 1] === 0) return -1;
      do p++;
      while (buf[p] > 0x7f);
      p++;
    }
    const lines = p;
    while (buf[p] === 0x22 && p < end) p += 2 + buf[p + 1];
    const linesEnd = p;
    if (mapping === 0 && p < end && buf[p] === 0x10) {
      mapping = this.mapping(p + 1);
      p = cursor;
    }
    // An address is copied as it stands, unless it may be past 64 bits.
    if (p !== end || mapping < 0 || lines - address > 10) return -1;
    const { out } = table;
    const before = out.pos;
    table.begin(end - address);
    const to = out.buf;
    let at = out.pos;
    out.pos = before;
    if (mapping > 0) {
      to[at++] = 0x08;
      at = writeVarint(to, at, mapping);
    }
    if (lines > address) {
      to[at++] = 0x10;
      for (let k = address + 1; k < lines; k++) to[at++] = buf[k];
    }
    for (p = lines; p < linesEnd; ) {
      const stop = p + 2 + buf[p + 1];
      const fn = buf[p + 2] === 0x08 ? entries.functionIds.small(smallVarint(buf, p + 3)) : -1;
      if (fn < 0) return -1;
      p = cursor;
      let line = 0;
      if (p < stop && buf[p] === 0x10) {
        line = smallVarint(buf, p + 1);
        p = cursor;
      }
      if (line < 0 || p !== stop) return -1;
      at = writeLine(to, at, entries.functionAt(fn), line);
    }
    ids.dense[id] = position;
    out.pos = at;
    return table.commit();
  }

  /** mapping_table index of the mapping whose small id stands at p, or -1. */
  private mapping(p: number): number {
    const position = this.entries.mappingIds.small(smallVarint(this.buf, p));
    return position < 0 ? -1 : this.entries.mappings[position];
  }

  private any(p: number, end: number, position: number): number {
    const { buf, entries } = this;
    let idLow = 0;
    let idHigh = 0;
    let mapping = 0;
    let addressLow = 0;
    let addressHigh = 0;
    let folded = false;
    scratch.lines.pos = 0;
    while (p < end) {
      let tag = buf[p++];
      if (tag > 0x7f) {
        p = readLongTag(buf, p - 1, end);
        tag = last.low;
      }
      switch (tag) {
        case 0x08:
          p = readVarint(buf, p, end);
          idLow = last.low;
          idHigh = last.high;
          break;
        case 0x10:
          p = readVarint(buf, p, end);
          mapping = entries.mappingIds.find(last.low, last.high);
          // An unknown mapping reads as none, as google/pprof has it.
          mapping = mapping < 0 ? 0 : entries.mappings[mapping];
          break;
        case 0x18:
          p = readVarint(buf, p, end);
          addressLow = last.low;
          addressHigh = last.high;
          break;
        case 0x22:
          p = readLength(buf, p, end);
          p = this.readLine(p, p + last.low);
          break;
        case 0x28:
          p = readVarint(buf, p, end);
          folded = (last.low | last.high) !== 0;
          break;
        default:
          p = skipUnknown(buf, p, end, tag, 5, "Location");
      }
    }
    checkId(ids, idLow, idHigh, position, "location");
    const { out, lines } = scratch;
    out.pos = 0;
    out.field(0x08, mapping);
    number64(out, 0x10, addressLow, addressHigh);
    out.copy(lines.buf, 0, lines.pos);
    if (folded) this.writeFolded(out);
    return this.builder.entry(LOCATION, out.buf, 0, out.pos);
  }

  /** Appends the line in [p, end) to the lines of its location; returns `end`. */
  private readLine(p: number, end: number): number {
    const { buf, entries } = this;
    let position = -1;
    let lineLow = 0;
    let lineHigh = 0;
    let columnLow = 0;
    let columnHigh = 0;
    while (p < end) {
      let tag = buf[p++];
      if (tag > 0x7f) {
        p = readLongTag(buf, p - 1, end);
        tag = last.low;
      }
      switch (tag) {
        case 0x08:
          p = readVarint(buf, p, end);
          position = entries.functionIds.find(last.low, last.high);
          break;
        case 0x10:
          p = readVarint(buf, p, end);
          lineLow = last.low;
          lineHigh = last.high;
          break;
        case 0x18:
          p = readVarint(buf, p, end);
          columnLow = last.low;
          columnHigh = last.high;
          break;
        default:
          p = skipUnknown(buf, p, end, tag, 3, "Line");
      }
    }
    if (position < 0) throw invalid("pprof", "a location has a line of an unknown function");
    const index = entries.functionAt(position);
    const { lines } = scratch;
    const message = lines.open(0x1a);
    lines.field(0x08, index);
    number64(lines, 0x10, lineLow, lineHigh);
    number64(lines, 0x18, columnLow, columnHigh);
    lines.close(message);
    return p;
  }

  private writeFolded(out: PprofWriter): void {
    const attribute = { key: "pprof.location.is_folded", value: boolValue(true), unit: "" };
    this.foldedAttribute ||= this.builder.attribute(attribute);
    const list = out.open(0x22);
    out.ensure(5);
    out.varint(this.foldedAttribute);
    out.close(list);
  }
}

function writeLine(to: Buffer, at: number, functionIndex: number, line: number): number {
  const start = at + 2;
  to[at] = 0x1a;
  at = start;
  to[at++] = 0x08;
  at = writeVarint(to, at, functionIndex);
  if (line !== 0) {
    to[at++] = 0x10;
    at = writeVarint(to, at, line);
  }
  to[start - 1] = at - start;
  return at;
}
