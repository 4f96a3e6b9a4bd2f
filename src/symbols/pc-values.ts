/** Integers that the unfolded tables of one binary may take together: 16 MiB. */
const maxPoolInts = 4 * 1024 * 1024;
const firstPoolInts = 16 * 1024;
/** Longest table that is unfolded: one that is longer is broken, or of a function of megabytes. */
const maxSteps = 1024 * 1024;

/**
 * Values by pc as Go writes them: pairs of varints, how the value changes and for how long it holds. A table is unfolded
 * when it is first asked for, and looked up by halving from then on. When the unfolded ones have become too large all of
 * them are forgotten.
 */
export class PcValues {
  private readonly bytes: Buffer;
  private readonly quantum: number;
  /** Per table: number of steps, the pc at which each step ends, the value of each. */
  private pool = new Int32Array(firstPoolInts);
  private used = 0;
  private readonly places = new Map<number, number>();
  /** What was unfolded last: pcs, and behind them values. */
  private readonly ends: number[] = [];
  private readonly values: number[] = [];

  constructor(bytes: Buffer, quantum: number) {
    this.bytes = bytes;
    this.quantum = quantum;
  }

  get byteSize(): number {
    return this.pool.byteLength + 40 * this.places.size;
  }

  /** The value of the table that begins at byte `at`, at `pc` (offset from the function's start); -1 where it has none. */
  valueAt(at: number, pc: number): number {
    const place = this.places.get(at) ?? this.unfold(at);
    const { pool } = this;
    const count = pool[place];
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pool[place + 1 + middle] <= pc) low = middle + 1;
      else high = middle;
    }
    return low < count ? pool[place + 1 + count + low] : -1;
  }

  private unfold(at: number): number {
    const count = this.decode(at);
    const needed = 1 + 2 * count;
    if (this.used + needed > maxPoolInts) {
      this.places.clear();
      this.used = 0;
    }
    if (this.used + needed > this.pool.length) {
      const larger = new Int32Array(Math.min(maxPoolInts, 2 * (this.pool.length + needed)));
      larger.set(this.pool.subarray(0, this.used));
      this.pool = larger;
    }
    const place = this.used;
    this.pool[place] = count;
    for (let i = 0; i < count; i++) {
      this.pool[place + 1 + i] = this.ends[i];
      this.pool[place + 1 + count + i] = this.values[i];
    }
    this.used += needed;
    this.places.set(at, place);
    return place;
  }

  /** Fills `ends` and `values`; returns the number of steps. */
  private decode(start: number): number {
    const { bytes, quantum, ends, values } = this;
    let at = start;
    let value = -1;
    let reached = 0;
    let count = 0;
    while (at < bytes.length && count < maxSteps) {
      let delta = 0;
      let shift = 0;
      let byte = 0x80;
      while (byte >= 0x80 && at < bytes.length && shift < 35) {
        byte = bytes[at++];
        delta |= (byte & 0x7f) << shift;
        shift += 7;
      }
      if (delta === 0 && count > 0) break;
      value = (value + ((delta & 1) !== 0 ? ~(delta >>> 1) : delta >>> 1)) | 0;
      let pcDelta = 0;
      shift = 0;
      byte = 0x80;
      while (byte >= 0x80 && at < bytes.length && shift < 35) {
        byte = bytes[at++];
        pcDelta |= (byte & 0x7f) << shift;
        shift += 7;
      }
      reached += (pcDelta >>> 0) * quantum;
      if (reached > 0x7fffffff) break;
      ends[count] = reached;
      values[count++] = value;
    }
    return count;
  }
}
