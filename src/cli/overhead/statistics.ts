/** Median and ends of some values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** How a figure differs between neighbouring rounds without the agent and with it. */
export interface Comparison {
  /** Medians. */
  readonly off: number;
  readonly on: number;
  /** (on - off) / off of each pair of rounds. */
  readonly change: Spread;
  /** How far rounds without the agent are apart, as a share of their median: what nobody caused. */
  readonly offSpread: number;
  readonly verdict: Verdict;
}

export type Verdict = "changed" | "not_told_apart" | "too_few_rounds";

/** One figure of two neighbouring rounds. */
export interface Pair {
  readonly off: number;
  readonly on: number;
}

/** With fewer pairs the spread says nothing. */
export const fewestPairs = 3;

/** Of at least one value. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

/** Of at least one pair. A change counts if it is larger than what rounds without the agent differ by. */
export function compare(pairs: readonly Pair[]): Comparison {
  const off = spreadOf(pairs.map((pair) => pair.off));
  const on = spreadOf(pairs.map((pair) => pair.on));
  const change = spreadOf(pairs.map((pair) => pair.on / pair.off - 1));
  const offSpread = (off.max - off.min) / off.median;
  const isLarger = Math.abs(change.median) > offSpread;
  const verdict = pairs.length < fewestPairs ? "too_few_rounds" : isLarger ? "changed" : "not_told_apart";
  return { off: off.median, on: on.median, change, offSpread, verdict };
}
