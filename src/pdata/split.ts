import type { Profiles } from "./profiles.js";

export interface SplitLimit {
  /** Sample messages per piece; 0 = no limit. */
  readonly maxSamples: number;
  /** Encoded bytes per piece, dictionary included; 0 = no limit. */
  readonly maxBytes: number;
}

/**
 * Pieces within the limit, in order, each with only the dictionary entries that it uses. A single sample past
 * `maxBytes` makes a piece of its own that is too large: the caller decides what becomes of it.
 */
export declare function splitProfiles(batch: Profiles, limit: SplitLimit): Profiles[];
