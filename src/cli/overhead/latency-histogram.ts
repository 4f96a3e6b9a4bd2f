/** Each bucket ends half a per cent above the one before: that is how exact a percentile is. */
const growth = 1.005;
const lowestMs = 0.001;
const highestMs = 600_000;

const logGrowth = Math.log(growth);
const bucketCount = Math.ceil(Math.log(highestMs / lowestMs) / logGrowth) + 1;

/** Counts of latencies from a microsecond to ten minutes, in memory of a fixed size. */
export class LatencyHistogram {
  private readonly counts = new Uint32Array(bucketCount);
  private total = 0;

  get count(): number {
    return this.total;
  }

  record(ms: number): void {
    const bucket = Math.floor(Math.log(Math.max(ms, lowestMs) / lowestMs) / logGrowth);
    this.counts[Math.min(bucket, bucketCount - 1)]++;
    this.total++;
  }

  /** The latency that a share of the requests (0 < share <= 1) stayed within, in milliseconds; 0 if there were none. */
  percentileMs(share: number): number {
    const wanted = Math.ceil(share * this.total);
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount && wanted > 0; bucket++) {
      seen += this.counts[bucket];
      if (seen >= wanted) return lowestMs * growth ** (bucket + 0.5);
    }
    return 0;
  }
}
