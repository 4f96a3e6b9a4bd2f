import type { KeyValue } from "../pdata/any-value.js";
import type { Dictionary } from "../pdata/dictionary.js";
import { FUNCTION, LOCATION } from "../pdata/tables.js";
import { last, openLength, readTag, readVarint, skipField, span, tag } from "../pdata/wire-steps.js";
import { Reader } from "../proto/wire.js";
import { AddressNames } from "./address-names.js";
import { gnuBuildId, goBuildId } from "./build-id.js";
import type { StringTable } from "./pprof-strings.js";
import { PprofWriter } from "./pprof-writer.js";
import { boolAttribute, stringAttribute } from "./typed-attributes.js";

const mappingTag = 0x1a;
const locationTag = 0x22;
const functionTag = 0x2a;
const lineTag = 0x22;

const noFunctions: readonly number[] = [];

/**
 * Which frames without a function get one named by their address, `binary+0x1f` (`[v8js]` by frame type where there is no
 * address): "none", all of them, or only those without an address, which some readers drop with their whole sample.
 */
export type NamedFrames = "none" | "without_address" | "all";

interface MappingEntry {
  readonly body: Buffer;
  readonly filenameIndex: number;
  readonly buildId: string;
  /** As an attribute said it; undefined = by what the frames show. */
  readonly hasFunctions: boolean | undefined;
  readonly hasFilenames: boolean | undefined;
  readonly hasLineNumbers: boolean | undefined;
  readonly hasInlineFrames: boolean | undefined;
}

/** What the frames of one mapping have, in one pprof. */
interface Seen {
  functions: boolean;
  filenames: boolean;
  lineNumbers: boolean;
  inlineFrames: boolean;
}

/**
 * Locations, functions and mappings of one pprof after another, all from one dictionary. Ids are dictionary indices (0,
 * the zero entry, is never an id), so that a Location message is the same in every pprof: encoded once, then copied.
 */
export class FrameTables {
  private readonly dictionary: Dictionary;
  private readonly strings: StringTable;
  private readonly arena = new PprofWriter(4 * 1024);
  // Per location: its message in the arena (end 0 = not encoded yet), its mapping, the functions of its lines.
  private readonly starts: Int32Array;
  private readonly ends: Int32Array;
  private readonly mappingOf: Int32Array;
  private readonly functionsOf: (readonly number[])[] = [];
  private readonly hasLineNumber: Uint8Array;
  // Per function: name, system name, file (dictionary indices).
  private readonly functions: Int32Array;
  private readonly startLines: (bigint | undefined)[] = [];
  // Per attribute: 0 = not looked at yet, 1 = another one, 2 = says that a location is folded.
  private readonly foldedKnown: Uint8Array;
  private readonly functionKnown: Uint8Array;
  private readonly mappings: (MappingEntry | undefined)[] = [];
  private stamp = 0;
  private readonly locationStamps: Int32Array;
  private readonly functionStamps: Int32Array;
  private usedLocations: number[] = [];
  private usedFunctions: number[] = [];
  private readonly named: NamedFrames;
  private readonly addressNames: AddressNames;

  constructor(dictionary: Dictionary, strings: StringTable, named: NamedFrames) {
    this.dictionary = dictionary;
    this.strings = strings;
    this.named = named;
    this.addressNames = new AddressNames(dictionary);
    const locations = dictionary.locationCount;
    this.starts = new Int32Array(locations);
    this.ends = new Int32Array(locations);
    this.mappingOf = new Int32Array(locations);
    this.hasLineNumber = new Uint8Array(locations);
    this.locationStamps = new Int32Array(locations);
    this.functions = new Int32Array(dictionary.functionCount * 3);
    this.functionKnown = new Uint8Array(dictionary.functionCount);
    this.functionStamps = new Int32Array(dictionary.functionCount + locations);
    this.foldedKnown = new Uint8Array(dictionary.attributeCount);
  }

  reset(): void {
    this.stamp++;
    this.usedLocations = [];
    this.usedFunctions = [];
  }

  /** Makes this location part of the current pprof. */
  use(location: number): void {
    if (this.locationStamps[location] === this.stamp) return;
    this.locationStamps[location] = this.stamp;
    this.usedLocations.push(location);
  }

  /** Makes the locations of a packed list part of the current pprof; false if one of them is 0. */
  useAll(buf: Buffer, start: number, end: number): boolean {
    let whole = true;
    for (let pos = start; pos < end; ) {
      let byte = buf[pos++];
      let id = byte & 0x7f;
      for (let shift = 7; byte > 0x7f; shift += 7) {
        byte = buf[pos++];
        id |= (byte & 0x7f) << shift;
      }
      if (id === 0) whole = false;
      else this.use(id);
    }
    return whole;
  }

  /** Writes all that is used; call it before the strings are written. */
  write(out: PprofWriter): void {
    const seen = new Map<number, Seen>();
    for (const location of this.usedLocations) {
      if (this.ends[location] === 0) this.encodeLocation(location);
      out.copy(this.arena.buf, this.starts[location], this.ends[location]);
      for (const index of this.functionsOf[location]) {
        if (this.functionStamps[index] === this.stamp) continue;
        this.functionStamps[index] = this.stamp;
        this.usedFunctions.push(index);
      }
      this.note(seen, location);
    }
    for (const index of this.usedFunctions) this.writeFunction(out, index);
    // In the order of the dictionary: readers take the first for the main binary.
    const mappings = [...seen.keys()].sort((a, b) => a - b);
    for (const index of mappings) this.writeMapping(out, index, seen.get(index) as Seen);
  }

  /** A Line message is the same in OTLP and in pprof but for lines without a function; the rest changes its tags. */
  private encodeLocation(index: number): void {
    this.dictionary.locate(LOCATION, index);
    const { atBuf: buf, atEnd: end } = this.dictionary;
    let pos = this.dictionary.atStart;
    const out = this.arena;
    this.starts[index] = out.pos;
    const message = out.open(locationTag);
    out.field(0x08, index);
    let functions = noFunctions;
    let addressPos = -1;
    // What stands in a dictionary has passed the scan.
    while (pos < end) {
      pos = readTag(buf, pos, end);
      const field = tag.value >>> 3;
      if (field === 1) {
        pos = readVarint(buf, pos, end);
        this.mappingOf[index] = last.low;
        out.field(0x10, last.low);
      } else if (field === 2) {
        const start = pos;
        pos = skipField(buf, pos, end, 0);
        addressPos = start;
        out.ensure(1);
        out.byte(0x18);
        out.copy(buf, start, pos);
      } else if (field === 3) {
        pos = openLength(buf, pos, end);
        const lineEnd = span.end;
        const line = this.lineFunction(buf, pos, lineEnd, index);
        // A line without a function names nothing, and readers drop samples that refer to function 0.
        if (line !== 0) {
          out.bytes(lineTag, buf, pos, lineEnd);
          functions = functions === noFunctions ? [line] : [...functions, line];
        }
        pos = lineEnd;
      } else if (field === 4) {
        pos = openLength(buf, pos, end);
        const listEnd = span.end;
        if (this.isFolded(new Reader(buf, pos, listEnd))) out.field(0x28, 1);
        pos = listEnd;
      } else pos = skipField(buf, pos, end, tag.value & 7);
    }
    if (functions.length === 0 && this.named !== "none") {
      const address = addressPos < 0 ? 0n : new Reader(buf, addressPos, end).uint64();
      if (this.named === "all" || address === 0n) {
        functions = [this.addressNames.idOf(index, this.mappingOf[index], address)];
        const line = out.open(lineTag);
        out.field(0x08, functions[0]);
        out.close(line);
      }
    }
    out.close(message);
    this.ends[index] = out.pos;
    this.functionsOf[index] = functions;
  }

  /** The function of a Line message; notes whether it has a line number. */
  private lineFunction(buf: Buffer, start: number, end: number, location: number): number {
    let index = 0;
    for (let pos = start; pos < end; ) {
      pos = readTag(buf, pos, end);
      if (tag.value >>> 3 === 1) {
        pos = readVarint(buf, pos, end);
        index = last.low;
      } else {
        if (tag.value >>> 3 === 2) this.hasLineNumber[location] = 1;
        pos = skipField(buf, pos, end, tag.value & 7);
      }
    }
    return index;
  }

  private isFolded(attributes: Reader): boolean {
    let folded = false;
    while (attributes.pos < attributes.end) {
      const index = attributes.int32();
      if (this.foldedKnown[index] === 0) {
        const attribute = this.dictionary.attribute(index);
        this.foldedKnown[index] = boolAttribute([attribute], "pprof.location.is_folded") ? 2 : 1;
      }
      if (this.foldedKnown[index] === 2) folded = true;
    }
    return folded;
  }

  private note(seen: Map<number, Seen>, location: number): void {
    const mapping = this.mappingOf[location];
    if (mapping === 0) return;
    const functions = this.functionsOf[location];
    let entry = seen.get(mapping);
    if (!entry) {
      entry = { functions: true, filenames: false, lineNumbers: false, inlineFrames: false };
      seen.set(mapping, entry);
    }
    // One frame without a name, and a symbolizer has work to do.
    if (functions.length === 0) entry.functions = false;
    if (functions.length > 1) entry.inlineFrames = true;
    if (this.hasLineNumber[location]) entry.lineNumbers = true;
    if (!entry.filenames) {
      for (const index of functions) {
        if (index >= this.functionKnown.length) continue;
        this.decodeFunction(index);
        if (this.functions[index * 3 + 2] !== 0) entry.filenames = true;
      }
    }
  }

  private decodeFunction(index: number): void {
    if (this.functionKnown[index]) return;
    this.functionKnown[index] = 1;
    this.dictionary.locate(FUNCTION, index);
    const { atBuf: buf, atEnd: end } = this.dictionary;
    for (let pos = this.dictionary.atStart; pos < end; ) {
      pos = readTag(buf, pos, end);
      const field = tag.value >>> 3;
      if (field <= 3) {
        pos = readVarint(buf, pos, end);
        this.functions[index * 3 + field - 1] = last.low;
      } else if (field === 4) {
        const reader = new Reader(buf, pos, end);
        this.startLines[index] = reader.int64();
        pos = reader.pos;
      } else pos = skipField(buf, pos, end, tag.value & 7);
    }
  }

  private writeFunction(out: PprofWriter, index: number): void {
    const message = out.open(functionTag);
    if (index >= this.functionKnown.length) {
      out.field(0x08, index);
      out.field(0x10, this.strings.ofText(this.addressNames.nameOf(index)));
      out.close(message);
      return;
    }
    this.decodeFunction(index);
    out.field(0x08, index);
    out.field(0x10, this.strings.ofDictionary(this.functions[index * 3]));
    out.field(0x18, this.strings.ofDictionary(this.functions[index * 3 + 1]));
    out.field(0x20, this.strings.ofDictionary(this.functions[index * 3 + 2]));
    const startLine = this.startLines[index];
    if (startLine !== undefined) out.field64(0x28, startLine);
    out.close(message);
  }

  private writeMapping(out: PprofWriter, index: number, seen: Seen): void {
    this.mappings[index] ??= this.decodeMapping(index);
    const mapping = this.mappings[index];
    const message = out.open(mappingTag);
    out.copy(mapping.body, 0, mapping.body.length);
    out.field(0x28, this.strings.ofDictionary(mapping.filenameIndex));
    out.field(0x30, this.strings.ofText(mapping.buildId));
    out.field(0x38, Number(mapping.hasFunctions ?? seen.functions));
    out.field(0x40, Number(mapping.hasFilenames ?? seen.filenames));
    out.field(0x48, Number(mapping.hasLineNumbers ?? seen.lineNumbers));
    out.field(0x50, Number(mapping.hasInlineFrames ?? seen.inlineFrames));
    out.close(message);
  }

  private decodeMapping(index: number): MappingEntry {
    const mapping = this.dictionary.mapping(index);
    const attributes = this.attributes(mapping.attributeIndices);
    const body = new PprofWriter(64);
    body.field(0x08, index);
    body.field64(0x10, mapping.memoryStart);
    body.field64(0x18, mapping.memoryLimit);
    body.field64(0x20, mapping.fileOffset);
    return {
      body: body.buf.subarray(0, body.pos),
      filenameIndex: mapping.filenameIndex,
      buildId: buildIdOf(attributes),
      hasFunctions: boolAttribute(attributes, "pprof.mapping.has_functions"),
      hasFilenames: boolAttribute(attributes, "pprof.mapping.has_filenames"),
      hasLineNumbers: boolAttribute(attributes, "pprof.mapping.has_line_numbers"),
      hasInlineFrames: boolAttribute(attributes, "pprof.mapping.has_inline_frames"),
    };
  }

  private attributes(indices: Int32Array): KeyValue[] {
    const list: KeyValue[] = [];
    for (const index of indices) list.push(this.dictionary.attribute(index));
    return list;
  }
}

/** GNU's build id alone, as symbol servers look nothing else up; Go's where a pprof came with it. */
function buildIdOf(attributes: readonly KeyValue[]): string {
  const buildId = stringAttribute(attributes, gnuBuildId);
  if (buildId !== "" || boolAttribute(attributes, "pprof.mapping.has_functions") === undefined) return buildId;
  return stringAttribute(attributes, goBuildId);
}
