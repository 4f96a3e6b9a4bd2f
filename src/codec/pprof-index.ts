import { PprofParts } from "./pprof-parts.js";
import { durationNanos, FUNCTION, LOCATION, SAMPLE, SAMPLE_TYPE, STRING, timeNanos } from "./wasm/numbers.js";

/** [start, end) pairs, `length` of them. */
export interface Ranges {
  readonly data: Int32Array;
  readonly length: number;
}

/** Where the entries of a pprof are, and its time. */
export interface PprofIndex {
  readonly buf: Buffer;
  readonly sampleTypes: Ranges;
  readonly samples: Ranges;
  readonly locations: Ranges;
  readonly functions: Ranges;
  readonly strings: Ranges;
  readonly timeNanos: bigint;
  readonly durationNanos: bigint;
}

/** Reads the top level of a pprof. Throws WireError or InvalidProfilesError. */
export function indexPprof(buf: Buffer): PprofIndex {
  return PprofParts.read(buf, (parts) => {
    const ranges = (table: number) => ({ data: parts.ranges(table), length: parts.count(table) });
    return {
      buf,
      sampleTypes: ranges(SAMPLE_TYPE),
      samples: ranges(SAMPLE),
      locations: ranges(LOCATION),
      functions: ranges(FUNCTION),
      strings: ranges(STRING),
      timeNanos: parts.scalar(timeNanos),
      durationNanos: parts.scalar(durationNanos),
    };
  });
}
