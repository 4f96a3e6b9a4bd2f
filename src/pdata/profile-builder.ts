import { FIXED64, LEN, VARINT, Writer, writeVarint } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import type { ValueType } from "./batch.js";
import type { DictionaryBuilder } from "./dictionary-builder.js";

/** What a profile says of itself; all but the sample type may be left out. */
export interface ProfileFields {
  readonly sampleType: ValueType;
  readonly periodType?: ValueType;
  readonly period?: bigint;
  readonly timeUnixNano?: bigint;
  readonly durationNano?: bigint;
  /** 16 bytes. */
  readonly profileId?: Buffer;
  readonly attributes?: readonly KeyValue[];
  /** attribute_table indices; they come before `attributes`. */
  readonly attributeIndices?: readonly number[];
  /** What the profile was decoded from. It goes as soon as the profile's samples or attributes are changed. */
  readonly originalPayload?: { readonly format: string; readonly bytes: Buffer };
}

/** Buffers of finished profiles, used again where they are of an ordinary size. */
const spare: Writer[] = [];
const maxSpare = 8;
const maxSpareBytes = 256 * 1024;

const noIndices: readonly number[] = [];
const noTimestamps: readonly bigint[] = [];

/** One profile of a batch being built. */
export class ProfileBuilder {
  /** The Profile message so far. Who appends Sample fields, tags and lengths included, counts them in `sampleCount`. */
  readonly message: Writer;
  sampleCount = 0;
  /** Time + duration as a double; 0 where the time is not one after 1970. */
  readonly endNano: number;
  private readonly payload: { readonly format: string; readonly bytes: Buffer } | undefined;

  /** Where the message says what the type is, and where that ends which it says besides. */
  private readonly typeEnd: number;
  private readonly headEnd: number;

  /** `sibling`: a profile whose fields were the same but for the sample type. */
  constructor(builder: DictionaryBuilder, fields: ProfileFields, sampleBytes: number, sibling?: ProfileBuilder) {
    this.message = spare.pop() ?? new Writer(1024);
    this.message.ensure(128 + sampleBytes);
    this.payload = fields.originalPayload;
    valueType(this.message, builder, 1, fields.sampleType);
    this.typeEnd = this.message.pos;
    if (sibling) {
      this.endNano = sibling.endNano;
      this.message.raw(sibling.message.buf, sibling.typeEnd, sibling.headEnd);
    } else {
      const time = Number(BigInt.asIntN(64, fields.timeUnixNano ?? 0n));
      const duration = Number(BigInt.asIntN(64, fields.durationNano ?? 0n));
      this.endNano = time > 0 ? time + Math.max(0, duration) : 0;
      writeHead(this.message, builder, fields);
    }
    this.headEnd = this.message.pos;
  }

  /**
   * Appends a sample: indices of its stack, attributes and link, and its values; where `timestamps` are given, in unix
   * nanoseconds, there are as many as values, or no values at all.
   */
  sample(
    stack: number,
    attributes: readonly number[] = noIndices,
    link = 0,
    values: readonly (bigint | number)[] = noIndices,
    timestamps: readonly bigint[] = noTimestamps,
  ): void {
    const out = this.message;
    const start = out.begin(2);
    if (stack !== 0) {
      out.tag(1, VARINT);
      out.varint(stack);
    }
    if (attributes.length > 0) packed(out, 2, attributes);
    if (link !== 0) {
      out.tag(3, VARINT);
      out.varint(link);
    }
    if (values.length > 0) {
      const valuesStart = out.begin(4);
      for (const value of values) {
        if (typeof value === "number" && value >= 0 && (value | 0) === value) out.varint(value);
        else out.varint64(BigInt(value));
      }
      out.closeLength(valuesStart);
    }
    if (timestamps.length > 0) {
      out.tag(5, LEN);
      out.varint(8 * timestamps.length);
      for (const timestamp of timestamps) out.fixed64(timestamp);
    }
    out.closeLength(start);
    this.sampleCount++;
  }

  /** Gives the buffer back for the next profile. The builder ends with it. */
  release(): void {
    this.message.reset();
    if (spare.length < maxSpare && this.message.buf.length <= maxSpareBytes) spare.push(this.message);
  }

  /** Bytes of the Profile message. */
  get byteSize(): number {
    return this.message.pos + (this.payload ? payloadHead(this.payload).pos + this.payload.bytes.length : 0);
  }

  /** Writes the content of the Profile message. */
  write(out: Writer): void {
    out.raw(this.message.buf, 0, this.message.pos);
    if (!this.payload) return;
    const head = payloadHead(this.payload);
    out.raw(head.buf, 0, head.pos);
    out.raw(this.payload.bytes, 0, this.payload.bytes.length);
  }
}

/** original_payload_format, and original_payload up to its content. */
function payloadHead(payload: { readonly format: string; readonly bytes: Buffer }): Writer {
  const head = new Writer(32);
  head.string(9, payload.format);
  head.tag(10, LEN);
  head.varint(payload.bytes.length);
  return head;
}

/** All but the sample type. */
function writeHead(out: Writer, builder: DictionaryBuilder, fields: ProfileFields): void {
  if (fields.timeUnixNano) {
    out.tag(3, FIXED64);
    out.fixed64(fields.timeUnixNano);
  }
  number64(out, 4, fields.durationNano);
  if (fields.periodType && (fields.periodType.type !== "" || fields.periodType.unit !== "")) {
    valueType(out, builder, 5, fields.periodType);
  }
  number64(out, 6, fields.period);
  if (fields.profileId) out.lengthDelimited(7, fields.profileId);
  const indices = [...(fields.attributeIndices ?? noIndices)];
  for (const attribute of fields.attributes ?? []) indices.push(builder.attribute(attribute));
  if (indices.length > 0) packed(out, 11, indices);
}

function valueType(out: Writer, builder: DictionaryBuilder, field: number, { type, unit }: ValueType): void {
  const typeIndex = builder.string(type);
  const unitIndex = builder.string(unit);
  const start = out.begin(field);
  if (typeIndex !== 0) {
    out.tag(1, VARINT);
    out.varint(typeIndex);
  }
  if (unitIndex !== 0) {
    out.tag(2, VARINT);
    out.varint(unitIndex);
  }
  out.closeLength(start);
}

function number64(out: Writer, field: number, value: bigint | undefined): void {
  if (!value) return;
  out.tag(field, VARINT);
  out.varint64(value);
}

function packed(out: Writer, field: number, list: readonly number[]): void {
  out.ensure(5 * list.length + 12);
  const start = out.begin(field);
  for (const index of list) out.pos = writeVarint(out.buf, out.pos, index);
  out.closeLength(start);
}
