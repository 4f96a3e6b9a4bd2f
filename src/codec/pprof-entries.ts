import { type AnyValue, stringValue } from "../pdata/any-value.js";
import type { ProfilesBuilder } from "../pdata/builder.js";
import { isText } from "../pdata/scan-primitives.js";
import { FUNCTION, LOCATION, MAPPING } from "../pdata/tables.js";
import { LEN, Reader, VARINT } from "../proto/wire.js";
import { buildIdAttribute } from "./build-id.js";
import { invalid } from "./invalid.js";
import { idText, PprofIds } from "./pprof-ids.js";
import { type PprofIndex, wrongType } from "./pprof-index.js";
import { PprofWriter } from "./pprof-writer.js";

/*
 * Mapping  { id 1, memory_start 2, memory_limit 3, file_offset 4, filename 5, build_id 6, has_functions 7,
 *            has_filenames 8, has_line_numbers 9, has_inline_frames 10 }
 * Location { id 1, mapping_id 2, address 3, line 4, is_folded 5 }
 * Line     { function_id 1, line 2, column 3 }
 * Function { id 1, name 2, system_name 3, filename 4, start_line 5 }
 */

const unmapped = -1;

const hasFlags = [
  "pprof.mapping.has_functions",
  "pprof.mapping.has_filenames",
  "pprof.mapping.has_line_numbers",
  "pprof.mapping.has_inline_frames",
] as const;
export const isFolded = "pprof.location.is_folded";

function boolValue(value: boolean): AnyValue {
  return { type: "bool", value };
}

/**
 * The strings, mappings, functions and locations of one pprof as entries of the dictionary being built. All are checked,
 * as google/pprof checks them, whether a sample uses them or not.
 */
export class PprofEntries {
  private readonly buf: Buffer;
  private readonly builder: ProfilesBuilder;
  private readonly index: PprofIndex;
  private readonly strings: Int32Array;
  private readonly mappingIds: PprofIds;
  private readonly functionIds: PprofIds;
  readonly locationIds: PprofIds;
  /** mapping_table and location_table indices by position in the pprof. */
  private readonly mappings: Int32Array;
  readonly locations: Int32Array;
  /** Per function: name, system name, file name (string_table indices). */
  private readonly names: Int32Array;
  /** function_table indices by position, where they are known. */
  private readonly functions: Int32Array;
  private readonly startLines: Int32Array;
  private readonly out = new PprofWriter(256);
  private readonly lines = new PprofWriter(256);
  private foldedAttribute = 0;

  constructor(index: PprofIndex, builder: ProfilesBuilder) {
    this.index = index;
    this.buf = index.buf;
    this.builder = builder;
    this.strings = new Int32Array(index.strings.length).fill(unmapped);
    this.strings[0] = 0;
    this.mappingIds = new PprofIds(index.mappings.length);
    this.functionIds = new PprofIds(index.functions.length);
    this.locationIds = new PprofIds(index.locations.length);
    this.mappings = new Int32Array(index.mappings.length);
    this.locations = new Int32Array(index.locations.length);
    this.names = new Int32Array(3 * index.functions.length);
    this.functions = new Int32Array(index.functions.length).fill(unmapped);
    this.startLines = new Int32Array(2 * index.functions.length);
    this.readMappings();
    this.readFunctions();
    this.readLocations();
  }

  get stringCount(): number {
    return this.strings.length;
  }

  /** string_table index of a string of the pprof. */
  string(index: number): number {
    const known = this.strings[index];
    return known !== unmapped ? known : this.internString(index);
  }

  private internString(index: number): number {
    const { data } = this.index.strings;
    const start = data[2 * index];
    const end = data[2 * index + 1];
    const { buf, builder } = this;
    const mapped = isText(buf, start, end)
      ? builder.stringBytes(buf, start, end)
      : builder.string(replaceBadUtf8(buf.subarray(start, end)));
    this.strings[index] = mapped;
    return mapped;
  }

  /** The text of a string; throws for an index out of range. */
  text(index: bigint): string {
    if (index < 0n || index >= BigInt(this.strings.length)) throw stringFault(index);
    const { data } = this.index.strings;
    const start = data[2 * Number(index)];
    const end = data[2 * Number(index) + 1];
    const { buf } = this;
    return isText(buf, start, end) ? buf.utf8Slice(start, end) : replaceBadUtf8(buf.subarray(start, end));
  }

  /** Reads a string index and checks it. */
  private stringIndex(reader: Reader, message: string): number {
    if (reader.wireType !== VARINT) wrongType(reader, message);
    const high = readHigh(reader);
    return this.checkString(reader.low, high);
  }

  /** A string index from its halves; throws where there is no such string. */
  checkString(low: number, high: number): number {
    const index = low >>> 0;
    if (high !== 0 || index >= this.strings.length) throw stringFault((BigInt(high) << 32n) | BigInt(index));
    return index;
  }

  /** Appends the text of a string as a field. */
  writeString(out: PprofWriter, tag: number, index: number): void {
    const { data } = this.index.strings;
    const start = data[2 * index];
    const end = data[2 * index + 1];
    if (isText(this.buf, start, end)) out.bytes(tag, this.buf, start, end);
    else out.string(tag, replaceBadUtf8(this.buf.subarray(start, end)));
  }

  private readMappings(): void {
    const { data, length } = this.index.mappings;
    for (let i = 0; i < length; i++) this.mappings[i] = this.readMapping(data[2 * i], data[2 * i + 1], i);
  }

  private readMapping(start: number, end: number, position: number): number {
    const { out } = this;
    const reader = new Reader(this.buf, start, end);
    const numbers = new Int32Array(8);
    let filename = 0;
    let buildId = 0;
    let flags = 0;
    while (reader.next()) {
      const { field } = reader;
      if (field > 10) reader.skip();
      else if (field === 5) filename = this.stringIndex(reader, "Mapping");
      else if (field === 6) buildId = this.stringIndex(reader, "Mapping");
      else {
        if (reader.wireType !== VARINT) wrongType(reader, "Mapping");
        const high = readHigh(reader);
        const { low } = reader;
        if (field < 5) {
          numbers[2 * field - 2] = low;
          numbers[2 * field - 1] = high;
        } else flags = (low | high) !== 0 ? flags | (1 << (field - 7)) : flags & ~(1 << (field - 7));
      }
    }
    checkId(this.mappingIds, numbers[0], numbers[1], position, "mapping");
    const fileIndex = this.string(filename);
    const attributes = this.mappingAttributes(buildId, flags);
    out.pos = 0;
    for (let n = 1; n < 4; n++) number64(out, n << 3, numbers[2 * n], numbers[2 * n + 1]);
    out.field(0x20, fileIndex);
    const list = out.open(0x2a);
    out.ensure(5 * attributes.length);
    for (const attribute of attributes) out.varint(attribute);
    out.close(list);
    return this.builder.entry(MAPPING, out.buf, 0, out.pos);
  }

  private mappingAttributes(buildId: number, flags: number): number[] {
    const attributes: number[] = [];
    const text = this.text(BigInt(buildId));
    const { builder } = this;
    if (text !== "")
      attributes.push(builder.attribute({ key: buildIdAttribute(text), value: stringValue(text), unit: "" }));
    hasFlags.forEach((key, bit) => {
      attributes.push(builder.attribute({ key, value: boolValue((flags & (1 << bit)) !== 0), unit: "" }));
    });
    return attributes;
  }

  private readFunctions(): void {
    const { data, length } = this.index.functions;
    const reader = { low: 0, high: 0 };
    for (let i = 0; i < length; i++) this.readFunction(data[2 * i], data[2 * i + 1], i, reader);
  }

  private readFunction(start: number, end: number, position: number, id: { low: number; high: number }): void {
    const reader = new Reader(this.buf, start, end);
    const { names } = this;
    id.low = 0;
    id.high = 0;
    while (reader.next()) {
      const { field } = reader;
      if (field > 5) reader.skip();
      else if (field > 1 && field < 5) names[3 * position + field - 2] = this.stringIndex(reader, "Function");
      else {
        if (reader.wireType !== VARINT) wrongType(reader, "Function");
        const high = readHigh(reader);
        if (field === 1) {
          id.low = reader.low;
          id.high = high;
        } else {
          this.startLines[2 * position] = reader.low;
          this.startLines[2 * position + 1] = high;
        }
      }
    }
    checkId(this.functionIds, id.low, id.high, position, "function");
  }

  /** function_table index of the function at this position. */
  private functionAt(position: number): number {
    const known = this.functions[position];
    if (known !== unmapped) return known;
    const { names, out } = this;
    const name = this.string(names[3 * position]);
    const systemName = this.string(names[3 * position + 1]);
    const filename = this.string(names[3 * position + 2]);
    out.pos = 0;
    out.field(0x08, name);
    out.field(0x10, systemName);
    out.field(0x18, filename);
    number64(out, 0x20, this.startLines[2 * position], this.startLines[2 * position + 1]);
    const index = this.builder.entry(FUNCTION, out.buf, 0, out.pos);
    this.functions[position] = index;
    return index;
  }

  private readLocations(): void {
    const { data, length } = this.index.locations;
    for (let i = 0; i < length; i++) this.locations[i] = this.readLocation(data[2 * i], data[2 * i + 1], i);
  }

  private readLocation(start: number, end: number, position: number): number {
    const reader = new Reader(this.buf, start, end);
    const { lines, out } = this;
    let idLow = 0;
    let idHigh = 0;
    let mapping = 0;
    let addressLow = 0;
    let addressHigh = 0;
    let folded = false;
    lines.pos = 0;
    while (reader.next()) {
      const { field } = reader;
      if (field === 4) {
        if (reader.wireType !== LEN) wrongType(reader, "Location");
        const length = reader.length();
        this.readLine(reader.pos, reader.pos + length);
        reader.pos += length;
        continue;
      }
      if (field > 5) {
        reader.skip();
        continue;
      }
      if (reader.wireType !== VARINT) wrongType(reader, "Location");
      const high = readHigh(reader);
      const { low } = reader;
      if (field === 1) {
        idLow = low;
        idHigh = high;
      } else if (field === 2) {
        // An unknown mapping reads as none, as google/pprof has it.
        const at = this.mappingIds.find(low, high);
        mapping = at < 0 ? 0 : this.mappings[at];
      } else if (field === 3) {
        addressLow = low;
        addressHigh = high;
      } else folded = (low | high) !== 0;
    }
    checkId(this.locationIds, idLow, idHigh, position, "location");
    out.pos = 0;
    out.field(0x08, mapping);
    number64(out, 0x10, addressLow, addressHigh);
    out.copy(lines.buf, 0, lines.pos);
    if (folded) {
      const list = out.open(0x22);
      out.ensure(5);
      out.varint(this.folded());
      out.close(list);
    }
    return this.builder.entry(LOCATION, out.buf, 0, out.pos);
  }

  /** Appends the line in [start, end) to `lines`. */
  private readLine(start: number, end: number): void {
    const reader = new Reader(this.buf, start, end);
    let position = -1;
    let lineLow = 0;
    let lineHigh = 0;
    let columnLow = 0;
    let columnHigh = 0;
    while (reader.next()) {
      const { field } = reader;
      if (field > 3) {
        reader.skip();
        continue;
      }
      if (reader.wireType !== VARINT) wrongType(reader, "Line");
      const high = readHigh(reader);
      const { low } = reader;
      if (field === 1) position = this.functionIds.find(low, high);
      else if (field === 2) {
        lineLow = low;
        lineHigh = high;
      } else {
        columnLow = low;
        columnHigh = high;
      }
    }
    if (position < 0) throw invalid("pprof", "a location has a line of an unknown function");
    const index = this.functionAt(position);
    const { lines } = this;
    const message = lines.open(0x1a);
    lines.field(0x08, index);
    number64(lines, 0x10, lineLow, lineHigh);
    number64(lines, 0x18, columnLow, columnHigh);
    lines.close(message);
  }

  private folded(): number {
    this.foldedAttribute ||= this.builder.attribute({ key: isFolded, value: boolValue(true), unit: "" });
    return this.foldedAttribute;
  }
}

function checkId(ids: PprofIds, low: number, high: number, position: number, what: string): void {
  if (low === 0 && high === 0) throw invalid("pprof", `a ${what} has the reserved id 0`);
  if (!ids.add(low, high, position)) throw invalid("pprof", `several ${what}s have the id ${idText(low, high)}`);
}

function stringFault(index: bigint): Error {
  return invalid("pprof", `string index ${BigInt.asIntN(64, index)} is out of range`);
}

/** Reads a varint: low half to reader.low, high half returned. */
export function readHigh(reader: Reader): number {
  const byte = reader.buf[reader.pos];
  if (byte < 0x80 && reader.pos < reader.end) {
    reader.pos++;
    reader.low = byte;
    return 0;
  }
  return reader.skipVarintHigh();
}

export function number64(out: PprofWriter, tag: number, low: number, high: number): void {
  if (low === 0 && high === 0) return;
  out.ensure(11);
  out.byte(tag);
  out.varint64(low, high);
}

/** U+FFFD for each byte that isn't part of a character, as Go's readers do. */
export function replaceBadUtf8(bytes: Buffer): string {
  let text = "";
  let from = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = characterLength(bytes, i);
    if (length > 0) {
      i += length;
      continue;
    }
    text += `${bytes.utf8Slice(from, i)}\ufffd`;
    from = ++i;
  }
  return text + bytes.utf8Slice(from, bytes.length);
}

/** Bytes of the well-formed character at i, or 0. */
function characterLength(bytes: Buffer, i: number): number {
  const first = bytes[i];
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || i + length > bytes.length) return 0;
  for (let k = 1; k < length; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return 0;
  const second = bytes[i + 1];
  if ((first === 0xe0 && second < 0xa0) || (first === 0xed && second > 0x9f)) return 0;
  if ((first === 0xf0 && second < 0x90) || (first === 0xf4 && second > 0x8f)) return 0;
  return length;
}
