import { isUtf8 } from "node:buffer";
import type { KeyValue } from "../pdata/any-value.js";
import type { ValueType } from "../pdata/profiles.js";
import { gunzip, isGzip } from "./gunzip.js";
import { invalid, TooLargeError } from "./invalid.js";

/** What the decoders of text formats are told, as these formats say little of themselves. */
export interface StackOptions {
  /** Largest input that is taken, decompressed. Default 64 MiB. */
  readonly maxBytes?: number;
  /** Attributes of every profile. */
  readonly attributes?: readonly KeyValue[];
  readonly timeUnixNano?: bigint;
  readonly durationNano?: bigint;
}

export interface StackSummary {
  readonly sampleTypes: readonly ValueType[];
  /** Events that were read, before equal ones were joined. */
  readonly eventCount: number;
}

export const countType: ValueType = Object.freeze({ type: "samples", unit: "count" });
export const wallType: ValueType = Object.freeze({ type: "wall", unit: "nanoseconds" });
export const cpuType: ValueType = Object.freeze({ type: "cpu", unit: "nanoseconds" });

const defaultMaxBytes = 64 * 1024 * 1024;
/** Frames of all stacks together: where stacks are written as trees, few bytes can stand for many. */
export const maxFrames = 16_000_000;

/** Different frames: each takes far more room than the two bytes that it can be written with. */
export const maxNames = 1_000_000;

/** The input decompressed where it is gzip; refused past the limit, and where it is no UTF-8. */
export function plainText(format: string, bytes: Buffer, maxBytes = defaultMaxBytes): Buffer {
  const plain = isGzip(bytes) ? gunzip(format, bytes, maxBytes) : bytes;
  if (plain.length > maxBytes) throw new TooLargeError(`${format}: larger than ${maxBytes} bytes`);
  if (!isUtf8(plain)) throw invalid(format, "not valid UTF-8");
  return plain;
}

export function tooManyFrames(format: string): TooLargeError {
  return new TooLargeError(`${format}: more than ${maxFrames} frames in all stacks together`);
}

export function tooManyNames(format: string): TooLargeError {
  return new TooLargeError(`${format}: more than ${maxNames} different frames`);
}
