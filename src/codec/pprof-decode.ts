import { randomBytes } from "node:crypto";
import { type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import { ProfilesBuilder, type ScopeBuilder } from "../pdata/builder.js";
import type { Profiles, ValueType } from "../pdata/profiles.js";
import { WireError } from "../proto/wire.js";
import { captureAttributes } from "./capture.js";
import { gunzip, isGzip } from "./gunzip.js";
import { invalid, looksLike, TooLargeError } from "./invalid.js";
import { PprofParts } from "./pprof-parts.js";
import {
  defaultSampleType,
  docUrl,
  dropFrames,
  durationNanos,
  keepFrames,
  maxSampleTypes,
  outputFloor,
  outputRatio,
  period,
  SAMPLE,
  SAMPLE_TYPE,
  timeNanos,
} from "./wasm/numbers.js";

/** Bytes of one pprof, decompressed, unless a caller says otherwise. */
export const defaultMaxBytes = 64 * 1024 * 1024;

export interface PprofOptions {
  /** Largest pprof that is taken, decompressed. Default 64 MiB. */
  readonly maxBytes?: number;
  /** The pprof decompressed, by a caller who has it. */
  readonly plain?: Buffer;
  /** Attributes that every profile gets beside those of the pprof, such as `pyroscope.name`. */
  readonly attributes?: readonly KeyValue[];
  /** More of them, for a caller who can tell only by the sample types. */
  readonly attributesFor?: (sampleTypes: readonly ValueType[]) => readonly KeyValue[];
  /** Stands in for a time within a year of 1970: a clock that nobody set. */
  readonly fallbackTimeUnixNano?: bigint;
  /** The label profile_id is an older name of span_id, as for Pyroscope. Default false. */
  readonly profileIdIsSpan?: boolean;
  /** Unique; absent = a new one. */
  readonly captureId?: string;
}

export interface PprofSummary {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  readonly period: bigint;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Samples of the pprof; each is a Sample in the profile of every sample type. */
  readonly sampleCount: number;
  /** Bytes, decompressed. */
  readonly byteSize: number;
}

/**
 * Adds a pprof, gzip or plain, to a batch being built: a profile per sample type, all carrying one capture id, so that
 * an encoder joins them again. Accepts what google/pprof accepts but for its legacy text formats; throws
 * InvalidProfilesError (TooLargeError past a limit), after which the builder must be thrown away.
 */
export function addPprof(scope: ScopeBuilder, bytes: Buffer, options: PprofOptions = {}): PprofSummary {
  const plain = options.plain ?? inflatePprof(bytes, options.maxBytes);
  return judged(plain, () => add(scope, plain, options));
}

/** The bytes of a pprof, decompressed. */
export function inflatePprof(bytes: Buffer, maxBytes = defaultMaxBytes): Buffer {
  if (bytes.length === 0) throw invalid("pprof", "no bytes");
  const plain = isGzip(bytes) ? gunzip("pprof", bytes, maxBytes) : bytes;
  if (plain.length === 0) throw invalid("pprof", "no bytes in it");
  if (plain.length > maxBytes) throw new TooLargeError(`pprof: larger than ${maxBytes} bytes`);
  return plain;
}

/** What `read` makes of a pprof; faults of the wire become faults of the input. */
export function judged<T>(plain: Buffer, read: () => T): T {
  try {
    return read();
  } catch (caught) {
    if (!(caught instanceof WireError)) throw caught;
    throw invalid("pprof", caught.message + looksLike(plain));
  }
}

/** OTLP bytes that the samples of a pprof may take. */
export function outputLimit(plain: Buffer): number {
  return Math.max(outputFloor, outputRatio * plain.length);
}

/** One pprof as a batch of its own: one resource with these attributes, and a scope without a name. */
export function decodePprof(bytes: Buffer, resource: readonly KeyValue[], options: PprofOptions = {}): Profiles {
  const builder = new ProfilesBuilder();
  addPprof(builder.resource(resource).scope(), bytes, options);
  return builder.finish();
}

function add(scope: ScopeBuilder, plain: Buffer, options: PprofOptions): PprofSummary {
  const { builder } = scope;
  const parts = new PprofParts(builder.dictionary.wasm, plain);
  parts.decodeTables();
  const sampleCount = parts.count(SAMPLE);
  const typeCount = parts.count(SAMPLE_TYPE);
  if (typeCount > maxSampleTypes) {
    throw new TooLargeError(`pprof: ${typeCount} sample types (at most ${maxSampleTypes})`);
  }
  const sampleTypes = parts.sampleTypes();
  const periodType = parts.periodType();
  const attributes = [...profileAttributes(parts), ...(options.attributes ?? [])];
  if (options.attributesFor) attributes.push(...options.attributesFor(sampleTypes));
  if (typeCount === 0 && sampleCount > 0) throw invalid("pprof", "missing sample type information");
  attributes.push(...captureAttributes(options.captureId ?? newCaptureId(), sampleTypes));
  const attributeIndices = attributes.map((attribute) => builder.attribute(attribute));
  const durationNano = parts.scalar(durationNanos);
  const timeUnixNano = timeOf(parts.scalar(timeNanos), options);
  const fields = { periodType, period: parts.scalar(period), timeUnixNano, durationNano, attributeIndices };
  const profiles = scope.profilesOf(sampleTypes, fields);
  parts.decodeSamples(typeCount, options.profileIdIsSpan ?? false);
  for (const profile of profiles) {
    const { bytes, start, end } = parts.nextSamples();
    profile.message.raw(bytes, start, end);
    profile.sampleCount = sampleCount;
  }
  return {
    sampleTypes,
    periodType,
    period: fields.period,
    timeUnixNano,
    durationNano,
    sampleCount,
    byteSize: plain.length,
  };
}

const yearNano = 31_536_000_000_000_000n;

/** The time of a pprof's profiles. */
export function timeOf(timeNanos: bigint, { fallbackTimeUnixNano }: PprofOptions): bigint {
  return timeNanos < yearNano ? (fallbackTimeUnixNano ?? timeNanos) : timeNanos;
}

/** What OTLP has no field for. */
function profileAttributes(parts: PprofParts): KeyValue[] {
  const attributes: KeyValue[] = [];
  const add = (key: string, field: number) => {
    const text = parts.text(parts.scalar(field));
    if (text !== "") attributes.push(keyValue(key, stringValue(text)));
  };
  add("pprof.profile.drop_frames", dropFrames);
  add("pprof.profile.keep_frames", keepFrames);
  const comments = parts.comments().map(stringValue);
  if (comments.length > 0) attributes.push(keyValue("pprof.profile.comment", { type: "array", value: comments }));
  add("pprof.profile.default_sample_type", defaultSampleType);
  add("pprof.profile.doc_url", docUrl);
  return attributes;
}

const processPart = randomBytes(8).toString("hex");
let captures = 0;

/** Unique among all processes: a random part per process and a number. */
export function newCaptureId(): string {
  return `${processPart}-${(++captures).toString(36)}`;
}
