import type { KeyValue } from "../pdata/any-value.js";
import type { Dictionary } from "../pdata/dictionary.js";
import type { Profile, ValueType } from "../pdata/profiles.js";
import { STACK } from "../pdata/tables.js";
import { FrameTables, type NamedFrames } from "./pprof-frames.js";
import { type LabelPolicy, LabelSets, type SampleLabel } from "./pprof-labels.js";
import { parallelRows, SampleRows } from "./pprof-rows.js";
import { StringTable } from "./pprof-strings.js";
import { PprofWriter, sizeOf32, sizeOf64 } from "./pprof-writer.js";

/*
 * Profile { sample_type 1, sample 2, mapping 3, location 4, function 5, string_table 6, drop_frames 7, keep_frames 8,
 *           time_nanos 9, duration_nanos 10, period_type 11, period 12, comment 13, default_sample_type 14, doc_url 15 }
 * Sample  { location_id 1 packed, value 2 packed, label 3 { key 1, str 2, num 3, num_unit 4 } }
 */

export interface PprofOptions {
  readonly labels: LabelPolicy;
  readonly namedFrames: NamedFrames;
}

/** One sample type of the pprof, and the profile that its values come from. */
export interface PprofColumn {
  readonly profile: Profile;
  readonly type: ValueType;
  /** Each value is multiplied by this. */
  readonly scale: bigint;
}

/** Profiles of one capture, to become one pprof. */
export interface PprofInput {
  readonly columns: readonly PprofColumn[];
  readonly periodType: ValueType;
  readonly period: bigint;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
}

export interface PprofLimits {
  /** Samples of one pprof; 0 = no limit. */
  readonly maxSamples: number;
  /** Bytes of one pprof, not compressed; 0 = no limit. */
  readonly maxBytes: number;
}

export interface Pprof {
  /** Not compressed. */
  readonly bytes: Buffer;
  /** Sample messages that went into it. */
  readonly sampleCount: number;
  /** pprof samples in it. */
  readonly rowCount: number;
}

/** Encoding is synchronous: one buffer serves all encoders, and is given back when it has grown large. */
const scratchBytes = 16 * 1024;
const maxScratchBytes = 1024 * 1024;
const scratch = new PprofWriter(scratchBytes);

/**
 * Encodes profiles that share a dictionary as pprof, one after another. Keep one encoder for all profiles of a batch:
 * what it learns of the dictionary (locations, strings) is used again.
 *
 * Samples that are equal in stack, kept labels and link are joined and their values added; a sample without values
 * counts its timestamps. A link becomes the labels span_id and trace_id.
 */
export class PprofEncoder {
  private readonly dictionary: Dictionary;
  private readonly sets: LabelSets;
  private readonly exact: boolean;
  private readonly strings: StringTable;
  private readonly frames: FrameTables;
  private links: LinkTexts | undefined;

  constructor(dictionary: Dictionary, options: PprofOptions) {
    this.dictionary = dictionary;
    this.sets = new LabelSets(dictionary, options.labels);
    this.exact = options.labels.exact ?? false;
    this.strings = new StringTable(dictionary);
    this.frames = new FrameTables(dictionary, this.strings, options.namedFrames);
  }

  /**
   * One pprof, or several where one would pass a limit; none for profiles without samples. A single sample past
   * `maxBytes` makes a pprof of its own that is too large: the caller decides what becomes of it.
   */
  encode(input: PprofInput, limits: PprofLimits): Pprof[] {
    const rows = this.rowsOf(input);
    const pieces: Pprof[] = [];
    const step = limits.maxSamples || Math.max(1, rows.length);
    for (let start = 0; start < rows.length; start += step) {
      this.encodeRange(input, rows, start, Math.min(start + step, rows.length), limits.maxBytes, pieces);
    }
    return pieces;
  }

  /**
   * One pprof without limits, and one for profiles without samples too. Profiles whose samples stand side by side, as a
   * decoder of pprof leaves them, become rows one by one; only others are joined.
   */
  encodeWhole(input: PprofInput): Pprof {
    this.links ??= new LinkTexts(this.dictionary);
    const columns = input.columns.map(({ profile }) => profile.columns());
    const rows = parallelRows(columns, this.sets, this.links.canonical) ?? this.rowsOf(input);
    const bytes = this.encodeRows(input, rows, 0, rows.length);
    const sampleCount = columns.reduce((sum, { length }) => sum + length, 0);
    return { bytes, sampleCount, rowCount: rows.length };
  }

  private rowsOf(input: PprofInput): SampleRows {
    this.links ??= new LinkTexts(this.dictionary);
    let expected = 0;
    for (const { profile } of input.columns) expected = Math.max(expected, profile.sampleCount);
    const rows = new SampleRows(input.columns.length, expected);
    input.columns.forEach(({ profile, scale }, column) => {
      rows.add(profile.columns(), column, this.sets, (this.links as LinkTexts).canonical);
      rows.scale(column, scale);
    });
    return rows;
  }

  private encodeRange(
    input: PprofInput,
    rows: SampleRows,
    start: number,
    end: number,
    maxBytes: number,
    pieces: Pprof[],
  ): void {
    const bytes = this.encodeRows(input, rows, start, end);
    if (maxBytes > 0 && bytes.length > maxBytes && end - start > 1) {
      const middle = (start + end) >>> 1;
      this.encodeRange(input, rows, start, middle, maxBytes, pieces);
      this.encodeRange(input, rows, middle, end, maxBytes, pieces);
      return;
    }
    let sampleCount = 0;
    for (let row = start; row < end; row++) sampleCount += rows.sources[row];
    pieces.push({ bytes, sampleCount, rowCount: end - start });
  }

  private encodeRows(input: PprofInput, rows: SampleRows, start: number, end: number): Buffer {
    this.strings.reset();
    this.frames.reset();
    const out = scratch;
    out.pos = 0;
    for (const { type } of input.columns) this.writeValueType(out, 0x0a, type);
    this.writeRows(out, rows, start, end);
    this.frames.write(out);
    out.field64(0x48, BigInt.asIntN(64, input.timeUnixNano));
    out.field64(0x50, BigInt.asIntN(64, input.durationNano));
    if (input.periodType.type !== "" || input.periodType.unit !== "") this.writeValueType(out, 0x5a, input.periodType);
    out.field64(0x60, input.period);
    this.writeProfileAttributes(out, input.columns[0].profile.attributes);
    this.strings.write(out);
    const bytes = out.copyOut();
    if (out.buf.length > maxScratchBytes) out.buf = Buffer.allocUnsafeSlow(scratchBytes);
    return bytes;
  }

  private writeValueType(out: PprofWriter, tag: number, { type, unit }: ValueType): void {
    const message = out.open(tag);
    out.field(0x08, this.strings.ofText(type));
    out.field(0x10, this.strings.ofText(unit));
    out.close(message);
  }

  /** What pprof has and OTLP has not, where a decoder left it in attributes. */
  private writeProfileAttributes(out: PprofWriter, attributes: readonly KeyValue[]): void {
    for (const { key, value } of attributes) {
      if (!key.startsWith("pprof.profile.")) continue;
      if (key === "pprof.profile.comment" && value.type === "array") {
        for (const comment of value.value) {
          if (comment.type !== "string") continue;
          // Not field(): an empty comment is a comment.
          out.ensure(6);
          out.byte(0x68);
          out.varint(this.strings.ofText(comment.value));
        }
      }
      const tag = stringAttributeTags[key];
      if (tag !== undefined && value.type === "string") out.field(tag, this.strings.ofText(value.value));
    }
  }

  private writeRows(out: PprofWriter, rows: SampleRows, start: number, end: number): void {
    const labels = new LabelBytes(this.strings, this.sets, this.links as LinkTexts, this.exact);
    const { width, lo, hi } = rows;
    for (let row = start; row < end; row++) {
      const ids = this.locationIds(rows.stack[row]);
      let valueBytes = 0;
      for (let i = row * width; i < (row + 1) * width; i++) valueBytes += sizeOf64(lo[i], hi[i]);
      const label = labels.of(rows.labels[row], rows.link[row]);
      const size = ids.end - ids.pos + 1 + sizeOf32(valueBytes) + valueBytes + label.length;
      out.ensure(12 + size);
      out.byte(0x12);
      out.varint(size);
      out.copy(ids.buf, ids.pos, ids.end);
      out.byte(0x12);
      out.varint(valueBytes);
      for (let i = row * width; i < (row + 1) * width; i++) out.varint64(lo[i], hi[i]);
      if (label.length > 0) out.copy(label, 0, label.length);
    }
  }

  /**
   * The location_id field of a stack, and its locations made part of the pprof. As ids are dictionary indices, a Stack
   * message of one packed list is this field to the byte.
   */
  private locationIds(stack: number): { buf: Buffer; pos: number; end: number } {
    const entry = this.dictionary.entry(STACK, stack);
    const { buf, pos, end } = entry;
    if (pos === end) return entry;
    if (buf[pos] === 0x0a) {
      entry.pos++;
      const length = entry.length();
      const start = entry.pos;
      if (start + length === end && this.frames.useAll(buf, start, end)) return { buf, pos, end };
    }
    return this.locationIdsAnew(stack);
  }

  /** As `locationIds`, for stacks with index 0 (the zero location: nothing was there) or of another shape. */
  private locationIdsAnew(stack: number): { buf: Buffer; pos: number; end: number } {
    const ids = this.dictionary.stack(stack).filter((id) => id !== 0);
    const out = new PprofWriter(16 + 5 * ids.length);
    if (ids.length > 0) {
      const list = out.open(0x0a);
      for (const id of ids) {
        this.frames.use(id);
        out.varint(id);
      }
      out.close(list);
    }
    return { buf: out.buf, pos: 0, end: out.pos };
  }
}

const stringAttributeTags: Record<string, number> = {
  "pprof.profile.drop_frames": 0x38,
  "pprof.profile.keep_frames": 0x40,
  "pprof.profile.default_sample_type": 0x70,
  "pprof.profile.doc_url": 0x78,
};

/** Links as text. `canonical` maps an index of link_table to itself, or to 0 where the link says nothing. */
class LinkTexts {
  readonly canonical: Int32Array;
  private readonly dictionary: Dictionary;

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
    this.canonical = new Int32Array(Math.max(1, dictionary.linkCount));
    for (let i = 1; i < dictionary.linkCount; i++) {
      const { traceId, spanId } = dictionary.link(i);
      if (says(traceId) || says(spanId)) this.canonical[i] = i;
    }
  }

  /** Hex, "" where an id is missing or all zeros. */
  textOf(link: number): { spanId: string; traceId: string } {
    const { traceId, spanId } = this.dictionary.link(link);
    return {
      spanId: says(spanId) ? spanId.toString("hex") : "",
      traceId: says(traceId) ? traceId.toString("hex") : "",
    };
  }
}

function says(id: Buffer): boolean {
  return id.some((byte) => byte !== 0);
}

const noLabels = Buffer.alloc(0);

/** Encoded Label messages per {label set, link}, for one pprof. */
class LabelBytes {
  private readonly strings: StringTable;
  private readonly sets: LabelSets;
  private readonly links: LinkTexts;
  private readonly exact: boolean;
  private readonly encoded = new Map<number, Buffer>();

  constructor(strings: StringTable, sets: LabelSets, links: LinkTexts, exact: boolean) {
    this.strings = strings;
    this.sets = sets;
    this.links = links;
    this.exact = exact;
  }

  of(set: number, link: number): Buffer {
    if (set === 0 && link === 0) return noLabels;
    const key = link * 0x4000000 + set;
    let bytes = this.encoded.get(key);
    if (!bytes) {
      bytes = this.encode(set, link);
      this.encoded.set(key, bytes);
    }
    return bytes;
  }

  private encode(set: number, link: number): Buffer {
    const out = new PprofWriter(128);
    const ids = link === 0 ? { spanId: "", traceId: "" } : this.links.textOf(link);
    for (const label of this.sets.sets[set]) {
      if (this.isSaidBy(ids, label)) continue;
      const message = out.open(0x1a);
      out.field(0x08, this.strings.ofText(label.key));
      out.field(0x10, label.isEmptyText ? this.strings.ofEmptyText() : this.strings.ofText(label.text));
      out.field64(0x18, label.number);
      // A number of 0 without a unit would say nothing.
      const isBareZero = this.exact && label.number === 0n && label.text === "" && !label.isEmptyText;
      out.field(0x20, isBareZero && label.unit === "" ? this.strings.ofEmptyText() : this.strings.ofText(label.unit));
      out.close(message);
    }
    if (ids.spanId) this.text(out, "span_id", ids.spanId);
    if (ids.traceId) this.text(out, "trace_id", ids.traceId);
    return out.buf.subarray(0, out.pos);
  }

  /**
   * The link is what the sender's own correlation says, and readers expect each key once: of these labels it stands for
   * all, or only for equal ones where labels stay as they are.
   */
  private isSaidBy({ spanId, traceId }: { spanId: string; traceId: string }, { key, text }: SampleLabel): boolean {
    if (spanId && key === "span_id") return !this.exact || text === spanId;
    if (traceId && key === "trace_id") return !this.exact || text === traceId;
    return spanId !== "" && key === "profile_id" && !this.exact;
  }

  private text(out: PprofWriter, key: string, value: string): void {
    const message = out.open(0x1a);
    out.field(0x08, this.strings.ofText(key));
    out.field(0x10, this.strings.ofText(value));
    out.close(message);
  }
}
