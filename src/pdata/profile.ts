import { FIXED64, LEN, Reader, VARINT, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import type { Batch, ValueType } from "./batch.js";
import { countSamples, decodeColumns, decodeStacks, type SampleColumns } from "./columns.js";
import { indices } from "./dictionary.js";
import { copyFieldsExcept } from "./fields.js";
import { editSamples } from "./sample-edit.js";
import { mapSampleValues } from "./sample-values.js";

const noBytes = Buffer.alloc(0);
/** attribute_indices */
const lastField = 11;

/** One profile. Reading decodes what is asked for; an edit writes the message anew. */
export class Profile {
  private readonly batch: Batch;
  /** The message as it stands: [start, end) of buf. */
  buf: Buffer;
  start: number;
  end: number;
  dirty = false;
  private samples = -1;
  /** Where the content of each known field begins, 0 = absent; found on first need. */
  private fields: Int32Array | undefined = undefined;
  /** Where the attributes that were last read stand in attribute_table. */
  private tableIndices: ReadonlyMap<KeyValue, number> = new Map();

  constructor(batch: Batch, buf: Buffer, start: number, end: number) {
    this.batch = batch;
    this.buf = buf;
    this.start = start;
    this.end = end;
  }

  private reader(): Reader {
    return new Reader(this.buf, this.start, this.end);
  }

  private find(field: number): Reader | undefined {
    this.fields ??= this.locate();
    const at = this.fields[field];
    return at === 0 ? undefined : new Reader(this.buf, at, this.end);
  }

  /** The last of a field counts. A content never begins at 0: its tag stands before it. */
  private locate(): Int32Array {
    const fields = new Int32Array(lastField + 1);
    const reader = this.reader();
    while (reader.next()) {
      if (reader.field <= lastField) fields[reader.field] = reader.pos;
      reader.skip();
    }
    return fields;
  }

  private valueType(field: number): ValueType {
    const reader = this.find(field)?.message();
    let type = 0;
    let unit = 0;
    while (reader?.next()) {
      if (reader.field === 1) type = reader.int32();
      else if (reader.field === 2) unit = reader.int32();
      else reader.skip();
    }
    const { dictionary } = this.batch;
    return { type: dictionary.string(type), unit: dictionary.string(unit) };
  }

  private setValueType(field: number, { type, unit }: ValueType): void {
    const { dictionary } = this.batch;
    const typeIndex = dictionary.appendString(type);
    const unitIndex = dictionary.appendString(unit);
    this.batch.needsPrune = true;
    this.replace(1 << field, (writer) =>
      writer.message(field, () => {
        writer.tag(1, VARINT);
        writer.varint(typeIndex);
        writer.tag(2, VARINT);
        writer.varint(unitIndex);
      }),
    );
  }

  get sampleType(): ValueType {
    return this.valueType(1);
  }

  setSampleType(type: ValueType): void {
    this.setValueType(1, type);
  }

  get periodType(): ValueType {
    return this.valueType(5);
  }

  setPeriodType(type: ValueType): void {
    this.setValueType(5, type);
  }

  get period(): bigint {
    return this.find(6)?.int64() ?? 0n;
  }

  get timeUnixNano(): bigint {
    return this.find(3)?.fixed64() ?? 0n;
  }

  get durationNano(): bigint {
    return this.find(4)?.uint64() ?? 0n;
  }

  /** 16 bytes, or empty. */
  get profileId(): Buffer {
    return this.find(7)?.bytes() ?? noBytes;
  }

  get droppedAttributesCount(): number {
    return this.find(8)?.uint32() ?? 0;
  }

  get originalPayloadFormat(): string {
    return this.find(9)?.string() ?? "";
  }

  get originalPayload(): Buffer {
    return this.find(10)?.bytes() ?? noBytes;
  }

  /** Decoded anew at each call. */
  get attributes(): readonly KeyValue[] {
    const list = this.find(11)?.message();
    if (!list) return [];
    const read = new Map<KeyValue, number>();
    for (const index of indices(list)) read.set(this.batch.dictionary.attribute(index), index);
    this.tableIndices = read;
    return [...read.keys()];
  }

  /** Attributes that `attributes` returned last keep their entry of the table as it is, fields that we don't know included. */
  setAttributes(attributes: readonly KeyValue[]): void {
    const kept = new Writer(8 * attributes.length + 16);
    for (const attribute of attributes) {
      kept.varint(this.tableIndices.get(attribute) ?? this.batch.dictionary.appendAttribute(attribute));
    }
    this.batch.needsPrune = true;
    this.replace((1 << 11) | this.payloadFields(), (writer) => {
      if (kept.pos > 0) writer.lengthDelimited(11, kept.buf, 0, kept.pos);
    });
  }

  get sampleCount(): number {
    if (this.samples < 0) this.samples = countSamples(this.buf, this.start, this.end);
    return this.samples;
  }

  /** The samples as typed arrays; decoded anew at each call, not kept. */
  columns(): SampleColumns {
    return decodeColumns(this.buf, this.start, this.end);
  }

  /** The stack of every sample, where nothing else of them is wanted; decoded anew at each call. */
  stacks(): Int32Array {
    return decodeStacks(this.buf, this.start, this.end);
  }

  /**
   * Edits sample attributes, once per distinct attribute set: `edit` returns the new list, the same list (unchanged), or
   * null to drop the samples that carry it. Samples that became equal are joined. Returns the number of Sample messages
   * dropped by null.
   */
  mapSampleAttributes(edit: (attributes: readonly KeyValue[]) => readonly KeyValue[] | null): number {
    const edited = editSamples(this.buf, this.start, this.end, this.batch.dictionary, edit);
    if (!edited) return 0;
    this.batch.needsPrune = true;
    this.batch.joinedSamples += this.sampleCount - edited.count - edited.dropped;
    this.replace((1 << 2) | this.payloadFields(), (writer) => writer.raw(edited.samples, 0, edited.samples.length));
    this.samples = edited.count;
    return edited.dropped;
  }

  /** Maps every value of every sample; a result past 64 bits becomes the largest. */
  mapSampleValues(map: (value: bigint) => bigint): void {
    const samples = mapSampleValues(this.buf, this.start, this.end, map);
    this.replace((1 << 2) | this.payloadFields(), (writer) => writer.raw(samples, 0, samples.length));
  }

  /** Removes the original payload, if there is one: it may hold what was edited elsewhere. */
  dropOriginalPayload(): void {
    if (this.originalPayload.length > 0) this.replace(this.payloadFields(), () => {});
  }

  /** The fields of a payload that no longer says what the profile says; counted where there was one. */
  private payloadFields(): number {
    if (this.originalPayload.length > 0) this.batch.droppedPayloads++;
    return (1 << 9) | (1 << 10);
  }

  /** Moves the profile's time and all timestamps by this many nanoseconds. A time of zero ("not set") stays. */
  shiftTime(deltaNano: bigint): void {
    const time = this.timeUnixNano;
    const shifted = new Writer(this.end - this.start);
    const reader = this.reader();
    while (reader.next()) {
      if (reader.field !== 2) {
        reader.skip();
        continue;
      }
      const message = reader.message();
      const content = Buffer.from(message.buf.subarray(message.pos, message.end));
      shiftTimestamps(content, deltaNano);
      shifted.lengthDelimited(2, content);
    }
    this.replace((1 << 2) | (1 << 3), (writer) => {
      if (time !== 0n) {
        writer.tag(3, FIXED64);
        writer.fixed64(time + deltaNano);
      }
      writer.raw(shifted.buf, 0, shifted.pos);
    });
  }

  /** Writes the message anew without some fields (a bit mask), then what `append` adds. */
  private replace(left: number, append: (writer: Writer) => void): void {
    const writer = new Writer(this.end - this.start + 64);
    copyFieldsExcept(writer, this.buf, this.start, this.end, left);
    append(writer);
    this.buf = writer.copyOut();
    this.start = 0;
    this.end = this.buf.length;
    this.fields = undefined;
    this.dirty = true;
  }

  copyInto(batch: Batch): Profile {
    const copy = new Profile(batch, this.buf, this.start, this.end);
    copy.dirty = this.dirty;
    copy.samples = this.samples;
    return copy;
  }
}

/** Adds to every timestamp of a Sample message, in place. */
function shiftTimestamps(sample: Buffer, deltaNano: bigint): void {
  const reader = new Reader(sample, 0, sample.length);
  while (reader.next()) {
    if (reader.field !== 5 || reader.wireType !== LEN) {
      reader.skip();
      continue;
    }
    const list = reader.message();
    for (let at = list.pos; at < list.end; at += 8) {
      sample.writeBigUInt64LE(BigInt.asUintN(64, sample.readBigUInt64LE(at) + deltaNano), at);
    }
  }
}
