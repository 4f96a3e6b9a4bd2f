import { fail } from "../../pdata/wasm/primitives";
import { OUTPUT_LIMIT } from "./faults";
import { outputFloor, outputRatio } from "./numbers";

/**
 * OTLP bytes that came of the pprof, at most. A few bytes of labels can stand for long texts, once per sample type: small
 * input must not grow without end.
 */
let grown: u64 = 0;
let most: u64 = 0;

export function openGrowth(inputBytes: u64): void {
  grown = 0;
  most = inputBytes * u64(outputRatio);
  if (most < u64(outputFloor)) most = u64(outputFloor);
}

/** Counts more bytes; false, and the fault is noted, where they are too many. */
export function grow(bytes: u64): bool {
  grown += bytes;
  return grown <= most || fail(OUTPUT_LIMIT, 0, i32(most), i32(most >>> 32)) !== 0;
}
