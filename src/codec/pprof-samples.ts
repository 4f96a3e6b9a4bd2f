import type { ProfileBuilder, ProfilesBuilder } from "../pdata/builder.js";
import { OutTable } from "../pdata/out-table.js";
import { ATTRIBUTE, STACK } from "../pdata/tables.js";
import { Reader, WireError, writeVarint } from "../proto/wire.js";
import { invalid, TooLargeError } from "./invalid.js";
import { idText, type PprofIds } from "./pprof-ids.js";
import type { PprofIndex } from "./pprof-index.js";
import type { PprofLinks } from "./pprof-links.js";
import type { PprofLocations } from "./pprof-locations.js";
import type { PprofTexts } from "./pprof-texts.js";
import { PprofWriter, sizeOf32 } from "./pprof-writer.js";
import { last, readLength, readLongTag, readVarint, skipUnknown } from "./varint.js";

/*
 * Sample { location_id 1, value 2, label 3 }     Label { key 1, str 2, num 3, num_unit 4 }
 * becomes, once per sample type,
 * Sample { stack_index 1, attribute_indices 2, link_index 3, values 4 }
 */

/** Decoding is synchronous: one set of buffers and tables serves all. */
const scratch = {
  stack: new PprofWriter(1024),
  labels: new PprofWriter(256),
  content: new PprofWriter(256),
  runs: new OutTable(1),
  single: new OutTable(1),
};

/** Large ones go: what one odd pprof needed isn't kept for all others. */
function releaseScratch(): void {
  for (const writer of [scratch.stack, scratch.labels, scratch.content]) {
    if (writer.buf.length > 1 << 20) writer.buf = Buffer.allocUnsafeSlow(1024);
  }
  if (scratch.runs.count > 1) scratch.runs.reset();
  if (scratch.single.count > 1) scratch.single.reset();
}

/** Writes the samples of one pprof to the profiles of its sample types. Nothing is allocated per sample. */
export class PprofSamples {
  private readonly buf: Buffer;
  private readonly index: PprofIndex;
  private readonly locationIds: PprofIds;
  private readonly texts: PprofTexts;
  private readonly links: PprofLinks;
  private readonly builder: ProfilesBuilder;
  private readonly profiles: readonly ProfileBuilder[];
  private readonly maxOutput: number;
  private readonly locationTable: Int32Array;
  /** Location positions by id, below the limit. */
  private readonly dense: Int32Array;
  private readonly idLimit: number;
  /** Most bytes that a location's index takes. */
  private readonly indexBytes: number;
  /** Locations of the stack being read. */
  private readonly stack = scratch.stack;
  private readonly stackTable: OutTable;
  /** [start, end) of each value of the sample being read. */
  private readonly valueAt: Int32Array;
  private values = 0;
  /** The labels of the sample being read, as they stand in the file, or collected in `labels`. */
  private labelStart = -1;
  private labelEnd = -1;
  private readonly labels = scratch.labels;
  // Runs of labels and single labels by their bytes; what each became.
  private readonly runs = scratch.runs;
  private readonly runLists: Buffer[] = [noBytes];
  private readonly single = scratch.single;
  private readonly singleAttributes: number[] = [0];
  private readonly content = scratch.content;
  /** OTLP bytes that came of this pprof, at most. */
  private grown = 0;

  constructor(
    index: PprofIndex,
    locations: PprofLocations,
    texts: PprofTexts,
    links: PprofLinks,
    builder: ProfilesBuilder,
    profiles: readonly ProfileBuilder[],
    maxOutput: number,
  ) {
    this.buf = index.buf;
    this.index = index;
    this.locationIds = locations.ids;
    this.texts = texts;
    this.links = links;
    this.builder = builder;
    this.profiles = profiles;
    this.maxOutput = maxOutput;
    this.stackTable = builder.table(STACK);
    this.locationTable = locations.indices;
    this.dense = locations.ids.dense;
    this.idLimit = locations.ids.limit;
    let largest = 0;
    for (let i = 0; i < index.locations.length; i++) largest = Math.max(largest, locations.indices[i]);
    this.indexBytes = sizeOf32(largest);
    this.valueAt = new Int32Array(2 * profiles.length);
  }

  write(): void {
    const { data, length } = this.index.samples;
    try {
      for (let i = 0; i < length; i++) this.grow(this.sample(data[2 * i], data[2 * i + 1]));
    } finally {
      releaseScratch();
    }
  }

  /** A few bytes of labels can stand for long texts, once per sample type: small input must not grow without end. */
  private grow(bytes: number): void {
    this.grown += bytes;
    if (this.grown > this.maxOutput) {
      throw new TooLargeError(`pprof: its samples take more than ${this.maxOutput} bytes as OTLP`);
    }
  }

  /** Reads the sample in [p, end); returns the bytes written. */
  private sample(p: number, end: number): number {
    const { buf, stack } = this;
    stack.pos = 0;
    this.values = 0;
    this.labelStart = -1;
    this.labelEnd = -1;
    while (p < end) {
      const start = p;
      let tag = buf[p++];
      if (tag > 0x7f) {
        p = readLongTag(buf, start, end);
        tag = last.low;
      }
      if (tag === 0x0a) p = this.packed(p, end, true);
      else if (tag === 0x12) p = this.packed(p, end, false);
      else if (tag === 0x1a) p = this.label(start, p, end);
      else if (tag === 0x08) p = this.location(p, end);
      else if (tag === 0x10) p = this.value(p, end);
      else p = skipUnknown(buf, p, end, tag, 3, "Sample");
    }
    if (this.values !== this.profiles.length) {
      throw invalid("pprof", `a sample has ${this.values} values for ${this.profiles.length} sample types`);
    }
    return this.emit(this.internStack(), this.labelStart < 0 ? noBytes : this.attributes());
  }

  private packed(p: number, end: number, isStack: boolean): number {
    p = readLength(this.buf, p, end);
    const stop = p + last.low;
    if (isStack) return this.locations(p, stop);
    while (p < stop) p = this.value(p, stop);
    return stop;
  }

  /** Appends the location ids in [p, end) to the stack. */
  private locations(p: number, end: number): number {
    const { buf, stack } = this;
    stack.ensure(this.indexBytes * (end - p));
    while (p < end) {
      const byte = buf[p];
      let id = byte;
      if (byte < 0x80) p++;
      else {
        const second = p + 1 < end ? buf[p + 1] : 0x80;
        if (second < 0x80) {
          id = (byte & 0x7f) | (second << 7);
          p += 2;
        } else {
          p = this.location(p, end);
          continue;
        }
      }
      const position = id < this.idLimit ? this.dense[id] : this.locationIds.find(id, 0);
      if (position < 0) throw unknownLocation(id, 0);
      const index = this.locationTable[position];
      if (index < 0x80) stack.buf[stack.pos++] = index;
      else stack.varint(index);
    }
    return p;
  }

  /** Appends the location id at p, of any size, to the stack. */
  private location(p: number, end: number): number {
    const { stack } = this;
    p = readVarint(this.buf, p, end);
    const position = this.locationIds.find(last.low, last.high);
    if (position < 0) throw unknownLocation(last.low, last.high);
    stack.ensure(5);
    stack.varint(this.locationTable[position]);
    return p;
  }

  /** Notes the value at p. */
  private value(p: number, end: number): number {
    const { buf } = this;
    const start = p;
    while (p < end && buf[p] > 0x7f) p++;
    if (p >= end) throw new WireError("truncated varint");
    p++;
    const bytes = p - start;
    if (bytes > 9 && (bytes > 10 || buf[p - 1] > 1)) throw new WireError("a varint past 64 bits");
    const at = this.values++;
    if (at < this.profiles.length) {
      this.valueAt[2 * at] = start;
      this.valueAt[2 * at + 1] = p;
    }
    return p;
  }

  /** Takes the label field at p, whose length stands at `lengthAt`, into the run of labels. */
  private label(p: number, lengthAt: number, end: number): number {
    const { buf, labels } = this;
    const stop = readLength(buf, lengthAt, end) + last.low;
    if (this.labelStart < 0) {
      this.labelStart = p;
      this.labelEnd = stop;
    } else if (this.labelEnd === p) this.labelEnd = stop;
    else {
      // Other fields stand between: the run is put together.
      if (this.labelEnd >= 0) {
        labels.pos = 0;
        labels.copy(buf, this.labelStart, this.labelEnd);
        this.labelEnd = -1;
      }
      labels.copy(buf, p, stop);
    }
    return stop;
  }

  private internStack(): number {
    const { stack, stackTable } = this;
    const { pos: length, buf } = stack;
    if (length === 0) return 0;
    stackTable.begin(length + 3);
    const { out } = stackTable;
    const to = out.buf;
    let at = out.pos;
    to[at++] = 0x0a;
    at = writeVarint(to, at, length);
    if (length > 96) {
      buf.copy(to, at, 0, length);
      at += length;
    } else for (let i = 0; i < length; i++) to[at++] = buf[i];
    out.pos = at;
    return stackTable.commit();
  }

  /** The fields attribute_indices and link_index that this sample's labels become, or nothing. */
  private attributes(): Buffer {
    const collected = this.labelEnd < 0;
    const source = collected ? this.labels.buf : this.buf;
    const start = collected ? 0 : this.labelStart;
    const end = collected ? this.labels.pos : this.labelEnd;
    const run = this.runs.add(source, start, end);
    if (run === this.runLists.length) this.runLists.push(this.readRun(source, start, end));
    return this.runLists[run];
  }

  private readRun(source: Buffer, start: number, end: number): Buffer {
    const link = this.links.any ? this.links.read(source, start, end) : 0;
    const reader = new Reader(source, start, end);
    const out = new PprofWriter(64);
    const list = out.open(0x12);
    while (reader.next()) {
      const length = reader.length();
      const covered = link !== 0 && this.links.covers(reader.pos);
      const attribute = covered ? 0 : this.attribute(source, reader.pos, reader.pos + length);
      reader.pos += length;
      if (attribute === 0) continue;
      out.ensure(5);
      out.varint(attribute);
    }
    if (out.pos === list + 1) out.pos = 0;
    else out.close(list);
    if (link !== 0) this.grow(linkBytes);
    out.field(0x18, link);
    return out.pos === 0 ? noBytes : out.copyOut();
  }

  /** attribute_table index of the label in [start, end); 0 for one that says nothing. */
  private attribute(source: Buffer, start: number, end: number): number {
    const label = this.single.add(source, start, end);
    if (label === this.singleAttributes.length) this.singleAttributes.push(this.readLabel(source, start, end));
    return this.singleAttributes[label];
  }

  private readLabel(source: Buffer, start: number, end: number): number {
    // Low and high halves of key, str, num, num_unit.
    const numbers = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let p = start; p < end; ) {
      let tag = source[p++];
      if (tag > 0x7f) {
        p = readLongTag(source, p - 1, end);
        tag = last.low;
      }
      const field = tag >>> 3;
      if (field === 0 || field > 4 || (tag & 7) !== 0) {
        p = skipUnknown(source, p, end, tag, 4, "Label");
        continue;
      }
      p = readVarint(source, p, end);
      numbers[2 * field - 2] = last.low;
      numbers[2 * field - 1] = last.high;
    }
    const [key, keyHigh, str, strHigh, num, numHigh, unit, unitHigh] = numbers;
    const keyIndex = this.texts.check(key, keyHigh);
    if ((str | strHigh) !== 0) {
      const text = this.texts.check(str, strHigh);
      return this.intern(keyIndex, (value) => this.texts.write(value, 0x0a, text), 0);
    }
    if ((num | numHigh | unit | unitHigh) === 0) return 0;
    const unitIndex = this.texts.check(unit, unitHigh);
    const write = (value: PprofWriter) => {
      value.ensure(11);
      value.byte(0x18);
      value.varint64(num, numHigh);
    };
    return this.intern(keyIndex, write, this.texts.string(unitIndex));
  }

  private intern(key: number, write: (value: PprofWriter) => void, unit: number): number {
    const keyIndex = this.texts.string(key);
    const out = this.content;
    out.pos = 0;
    out.field(0x08, keyIndex);
    const value = out.open(0x12);
    write(out);
    out.close(value);
    out.field(0x18, unit);
    this.grow(out.pos);
    return this.builder.entry(ATTRIBUTE, out.buf, 0, out.pos);
  }

  /** Writes the sample to each profile; returns the bytes written. */
  private emit(stack: number, attributes: Buffer): number {
    const { profiles, valueAt, buf } = this;
    const stackBytes = stack === 0 ? 0 : 1 + sizeOf32(stack);
    let written = 0;
    for (let i = 0; i < profiles.length; i++) {
      const from = valueAt[2 * i];
      const valueBytes = valueAt[2 * i + 1] - from;
      const size = stackBytes + attributes.length + 2 + valueBytes;
      const out = profiles[i].message;
      out.ensure(size + 12);
      const target = out.buf;
      let pos = out.pos;
      target[pos++] = 0x12;
      pos = writeVarint(target, pos, size);
      if (stack !== 0) {
        target[pos++] = 0x08;
        pos = writeVarint(target, pos, stack);
      }
      if (attributes.length > 24) pos += attributes.copy(target, pos);
      else for (let k = 0; k < attributes.length; k++) target[pos++] = attributes[k];
      target[pos++] = 0x22;
      target[pos++] = valueBytes;
      for (let k = 0; k < valueBytes; k++) target[pos++] = buf[from + k];
      out.pos = pos;
      profiles[i].sampleCount++;
      written += size + 2;
    }
    return written;
  }
}

const noBytes = Buffer.alloc(0);
/** Of a Link with both ids. */
const linkBytes = 28;

function unknownLocation(low: number, high: number): Error {
  return invalid("pprof", `a sample refers to location ${idText(low, high)}, which is unknown`);
}
