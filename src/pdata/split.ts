import type { Slice } from "./mapped-profiles.js";
import type { Profile } from "./profile.js";
import { Profiles } from "./profiles.js";
import { buildRequest } from "./rebuild.js";

export interface SplitLimit {
  /** Sample messages per piece; 0 = no limit. */
  readonly maxSamples: number;
  /** Encoded bytes per piece, dictionary included; 0 = no limit. */
  readonly maxBytes: number;
}

/** A range of a batch's rows: every sample is a row, and so is a profile without samples. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * Pieces within the limit, in order, each with only the dictionary entries that it uses. A single sample past
 * `maxBytes` makes a piece of its own that is too large: the caller decides what becomes of it.
 */
export function splitProfiles(batch: Profiles, limit: SplitLimit): Profiles[] {
  if (limit.maxBytes > 0) batch.open();
  const samples = batch.sampleCount;
  const tooMany = limit.maxSamples > 0 && samples > limit.maxSamples;
  const tooLarge = limit.maxBytes > 0 && batch.byteSize > limit.maxBytes;
  if (!tooMany && !tooLarge) return [batch];
  const rows = new Rows(batch);
  if (rows.total === 0) return [batch];
  const pieces: Profiles[] = [];
  const bytesPerRow = batch.byteSize / Math.max(rows.total, 1);
  let step = limit.maxSamples > 0 ? limit.maxSamples : rows.total;
  if (tooLarge) step = Math.max(1, Math.min(step, Math.floor(limit.maxBytes / bytesPerRow)));
  for (let from = 0; from < rows.total; from += step) {
    fit(batch, rows, { from, to: Math.min(from + step, rows.total) }, limit, pieces);
  }
  return pieces;
}

/** Builds the range; where it is too large, its halves. */
function fit(batch: Profiles, rows: Rows, range: Range, limit: SplitLimit, pieces: Profiles[]): void {
  const piece = Profiles.built(
    buildRequest([batch], {
      slice: (profile) => rows.slice(profile, range),
      withEmpty: range.from === 0 && pieces.length === 0,
    }),
  );
  if (limit.maxBytes > 0 && piece.byteSize > limit.maxBytes && range.to - range.from > 1) {
    const middle = (range.from + range.to) >>> 1;
    fit(batch, rows, { from: range.from, to: middle }, limit, pieces);
    fit(batch, rows, { from: middle, to: range.to }, limit, pieces);
    return;
  }
  pieces.push(piece);
}

/** Numbers the rows of a batch. */
class Rows {
  readonly total: number;
  private readonly first = new Map<Profile, number>();

  constructor(batch: Profiles) {
    let row = 0;
    for (const resource of batch.resources) {
      for (const scope of resource.scopes) {
        for (const profile of scope.profiles) {
          this.first.set(profile, row);
          row += Math.max(profile.sampleCount, 1);
        }
      }
    }
    this.total = row;
  }

  /** What of a profile falls into the range. */
  slice(profile: Profile, range: Range): Slice | undefined | null {
    const first = this.first.get(profile) ?? 0;
    const count = profile.sampleCount;
    const from = Math.max(range.from - first, 0);
    const to = Math.min(range.to - first, Math.max(count, 1));
    if (from >= to) return null;
    if (from === 0 && to >= count) return undefined;
    return { from, to };
  }
}
