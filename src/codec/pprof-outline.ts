import type { ValueType } from "../pdata/profiles.js";
import { PprofParts } from "./pprof-parts.js";
import { durationNanos, period, SAMPLE, timeNanos } from "./wasm/numbers.js";

/** What a pprof says of itself as a whole. */
export interface PprofOutline {
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
  readonly period: bigint;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
  /** Samples of the pprof, each with a value per sample type. */
  readonly sampleCount: number;
  /** Bytes that the samples take as OTLP, at most. */
  readonly maxOutputBytes: number;
}

/**
 * The outline of an ordinary pprof, all of which was checked as the decoder checks it (ids, indices, UTF-8, the number of
 * values), without decoding it. undefined for whatever is out of the ordinary, broken or not: the decoder has to judge
 * it. Throws what the decoder would throw.
 */
export function outlineOf(plain: Buffer): PprofOutline | undefined {
  return PprofParts.read(plain, (parts) => (parts.check() ? readOutline(parts) : undefined));
}

function readOutline(parts: PprofParts): PprofOutline {
  const sampleTypes = parts.sampleTypes();
  const sampleCount = parts.count(SAMPLE);
  const { labels, longestString } = parts.checked;
  return {
    sampleTypes,
    periodType: parts.periodType(),
    period: parts.scalar(period),
    timeUnixNano: parts.scalar(timeNanos),
    durationNano: parts.scalar(durationNanos),
    sampleCount,
    maxOutputBytes: 32 * sampleCount * sampleTypes.length + labels * (longestString + 64 + 5 * sampleTypes.length),
  };
}
