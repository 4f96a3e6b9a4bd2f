/** A collection that frees less than this part of what was used was in vain. */
const worthwhile = 0.05;
/** The first step away from a shortest interval of 0. */
const firstStepMs = 1000;

/** Decides when the next collection may run, so that a heap full of live data isn't collected over and over. */
export interface CollectionPace {
  isDue(nowMs: number): boolean;
  collected(nowMs: number, usedBefore: number, usedAfter: number): void;
}

/** Collections are at least `minMs` apart; after each that was in vain, twice as long as before, up to `maxMs` (0 = never longer). */
export function createCollectionPace(minMs: number, maxMs: number): CollectionPace {
  let intervalMs = minMs;
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    isDue: (nowMs) => nowMs - lastMs >= intervalMs,
    collected(nowMs, usedBefore, usedAfter) {
      lastMs = nowMs;
      const inVain = usedBefore - usedAfter < usedBefore * worthwhile;
      intervalMs = inVain && maxMs > 0 ? Math.min(Math.max(intervalMs * 2, firstStepMs), maxMs) : minMs;
    },
  };
}
