import { type AnyValue, stringValue } from "../pdata/any-value.js";
import type { ProfilesBuilder } from "../pdata/builder.js";
import { FUNCTION, MAPPING } from "../pdata/tables.js";
import { Reader, WireError } from "../proto/wire.js";
import { buildIdAttribute } from "./build-id.js";
import { invalid } from "./invalid.js";
import { idText, PprofIds } from "./pprof-ids.js";
import type { PprofIndex } from "./pprof-index.js";
import type { PprofTexts } from "./pprof-texts.js";
import { PprofWriter } from "./pprof-writer.js";
import { ScratchInts } from "./scratch.js";
import { cursor, last, readLongTag, readVarint, skipUnknown, smallVarint } from "./varint.js";

/*
 * Mapping  { id 1, memory_start 2, memory_limit 3, file_offset 4, filename 5, build_id 6, has_functions 7,
 *            has_filenames 8, has_line_numbers 9, has_inline_frames 10 }
 * Function { id 1, name 2, system_name 3, filename 4, start_line 5 }
 */

const unmapped = -1;

/** Decoding is synchronous: one set of buffers and tables serves all. */
const scratch = {
  out: new PprofWriter(1024),
  numbers: new Int32Array(10),
  mappingIds: new PprofIds(),
  functionIds: new PprofIds(),
  mappings: new ScratchInts(),
  names: new ScratchInts(),
  functions: new ScratchInts(),
  startLines: new ScratchInts(),
};

const hasFlags = [
  "pprof.mapping.has_functions",
  "pprof.mapping.has_filenames",
  "pprof.mapping.has_line_numbers",
  "pprof.mapping.has_inline_frames",
] as const;

export function boolValue(value: boolean): AnyValue {
  return { type: "bool", value };
}

/**
 * The mappings and functions of one pprof as entries of the dictionary being built. All are checked, as google/pprof checks
 * them, whether a sample uses them or not; functions go into the dictionary when a location uses them.
 */
export class PprofEntries {
  private readonly buf: Buffer;
  private readonly builder: ProfilesBuilder;
  private readonly texts: PprofTexts;
  readonly mappingIds = scratch.mappingIds;
  readonly functionIds = scratch.functionIds;
  /** mapping_table indices by position in the pprof. */
  readonly mappings: Int32Array;
  /** Per function: name, system name, file name (indices of the pprof). */
  private readonly names: Int32Array;
  /** function_table indices by position, where they are known. */
  private readonly functions: Int32Array;
  private readonly startLines: Int32Array;
  /** attribute_table indices by string. */
  private readonly buildIds = new Map<number, number>();
  /** attribute_table indices of the mapping flags, [2 * flag + value]; 0 = not known yet. */
  private readonly flagAttributes = [0, 0, 0, 0, 0, 0, 0, 0];

  constructor(index: PprofIndex, texts: PprofTexts, builder: ProfilesBuilder) {
    const { mappings, functions } = index;
    this.buf = index.buf;
    this.builder = builder;
    this.texts = texts;
    scratch.mappingIds.reset(mappings.length);
    scratch.functionIds.reset(functions.length);
    this.mappings = scratch.mappings.take(mappings.length, 0);
    this.names = scratch.names.take(3 * functions.length, 0);
    this.functions = scratch.functions.take(functions.length, unmapped);
    this.startLines = scratch.startLines.take(2 * functions.length, 0);
    for (let i = 0; i < mappings.length; i++) {
      this.mappings[i] = this.readMapping(mappings.data[2 * i], mappings.data[2 * i + 1], i);
    }
    for (let i = 0; i < functions.length; i++) {
      this.readFunction(functions.data[2 * i], functions.data[2 * i + 1], i);
    }
  }

  private readMapping(p: number, end: number, position: number): number {
    const { buf, texts } = this;
    const numbers = scratch.numbers.fill(0);
    let filename = 0;
    let buildId = 0;
    let flags = 0;
    while (p < end) {
      let tag = buf[p++];
      if (tag > 0x7f) {
        p = readLongTag(buf, p - 1, end);
        tag = last.low;
      }
      const field = tag >>> 3;
      if (field === 0 || field > 10 || (tag & 7) !== 0) {
        p = skipUnknown(buf, p, end, tag, 10, "Mapping");
        continue;
      }
      p = readVarint(buf, p, end);
      if (field < 5) {
        numbers[2 * field] = last.low;
        numbers[2 * field + 1] = last.high;
      } else if (field === 5) filename = this.stringAt(last.low, last.high, tag, p, end);
      else if (field === 6) buildId = this.stringAt(last.low, last.high, tag, p, end);
      else flags = (last.low | last.high) !== 0 ? flags | (1 << (field - 7)) : flags & ~(1 << (field - 7));
    }
    checkId(scratch.mappingIds, numbers[2], numbers[3], position, "mapping");
    return this.internMapping(numbers, texts.string(filename), this.mappingAttributes(buildId, flags));
  }

  private internMapping(numbers: Int32Array, filename: number, attributes: readonly number[]): number {
    const { out } = scratch;
    out.pos = 0;
    for (let field = 1; field < 4; field++) number64(out, field << 3, numbers[2 * field + 2], numbers[2 * field + 3]);
    out.field(0x20, filename);
    const list = out.open(0x2a);
    out.ensure(5 * attributes.length);
    for (const attribute of attributes) out.varint(attribute);
    out.close(list);
    return this.builder.entry(MAPPING, out.buf, 0, out.pos);
  }

  private mappingAttributes(buildId: number, flags: number): number[] {
    const attributes: number[] = [];
    const buildIdIndex = buildId === 0 ? 0 : this.buildId(buildId);
    if (buildIdIndex !== 0) attributes.push(buildIdIndex);
    for (let flag = 0; flag < hasFlags.length; flag++) attributes.push(this.flagAttribute(flag, (flags >> flag) & 1));
    return attributes;
  }

  /** attribute_table index of a build id, 0 if it is empty. */
  private buildId(string: number): number {
    let attribute = this.buildIds.get(string);
    if (attribute === undefined) {
      const text = this.texts.text(BigInt(string));
      const value = stringValue(text);
      attribute = text === "" ? 0 : this.builder.attribute({ key: buildIdAttribute(text), value, unit: "" });
      this.buildIds.set(string, attribute);
    }
    return attribute;
  }

  private flagAttribute(flag: number, value: number): number {
    const at = 2 * flag + value;
    if (this.flagAttributes[at] === 0) {
      const attribute = { key: hasFlags[flag], value: boolValue(value === 1), unit: "" };
      this.flagAttributes[at] = this.builder.attribute(attribute);
    }
    return this.flagAttributes[at];
  }

  private readFunction(p: number, end: number, position: number): void {
    const { buf, names } = this;
    let idLow = 0;
    let idHigh = 0;
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
        case 0x18:
        case 0x20: {
          const small = smallVarint(buf, p);
          p = small < 0 ? readVarint(buf, p, end) : cursor;
          const low = small < 0 ? last.low : small;
          names[3 * position + (tag >>> 3) - 2] = this.stringAt(low, small < 0 ? last.high : 0, tag, p, end);
          break;
        }
        case 0x28:
          p = readVarint(buf, p, end);
          this.startLines[2 * position] = last.low;
          this.startLines[2 * position + 1] = last.high;
          break;
        default:
          p = skipUnknown(buf, p, end, tag, 5, "Function");
      }
    }
    if (p > end) throw new WireError("truncated varint");
    checkId(scratch.functionIds, idLow, idHigh, position, "function");
  }

  /** The string index that the field before p gives; one that isn't there is none where the field comes again. */
  private stringAt(low: number, high: number, tag: number, p: number, end: number): number {
    if (this.texts.has(low, high)) return low;
    return comesAgain(this.buf, p, end, tag >>> 3) ? 0 : this.texts.check(low, high);
  }

  /** function_table index of the function at this position. */
  functionAt(position: number): number {
    const known = this.functions[position];
    if (known !== unmapped) return known;
    const { names, texts } = this;
    const { out } = scratch;
    out.pos = 0;
    out.field(0x08, texts.string(names[3 * position]));
    out.field(0x10, texts.string(names[3 * position + 1]));
    out.field(0x18, texts.string(names[3 * position + 2]));
    number64(out, 0x20, this.startLines[2 * position], this.startLines[2 * position + 1]);
    const index = this.builder.entry(FUNCTION, out.buf, 0, out.pos);
    this.functions[position] = index;
    return index;
  }
}

/** True if the message in [p, end) has this field: of a field that comes twice the last counts. */
function comesAgain(buf: Buffer, p: number, end: number, field: number): boolean {
  const reader = new Reader(buf, p, end);
  while (reader.next()) {
    if (reader.field === field) return true;
    reader.skip();
  }
  return false;
}

/** Notes the id of an entry; throws where it is 0 or taken. */
export function checkId(ids: PprofIds, low: number, high: number, position: number, what: string): void {
  if (low === 0 && high === 0) throw invalid("pprof", `a ${what} has the reserved id 0`);
  if (!ids.add(low, high, position)) throw invalid("pprof", `several ${what}s have the id ${idText(low, high)}`);
}

export function number64(out: PprofWriter, tag: number, low: number, high: number): void {
  if (low === 0 && high === 0) return;
  out.ensure(11);
  out.byte(tag);
  out.varint64(low, high);
}
