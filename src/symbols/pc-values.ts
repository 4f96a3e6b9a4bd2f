/** Integers that the places of one binary may take together: 16 MiB. */
const maxPoolInts = 4 * 1024 * 1024;
const firstPoolInts = 16 * 1024;
/** Steps from one place that is remembered to the next. */
const stride = 32;
/** Longest table that is read to its end: one that is longer is broken, or of a function of megabytes. */
const maxSteps = 1024 * 1024;

/**
 * Values by pc as Go writes them: pairs of varints, how the value changes and for how long it holds. The first time that a
 * table is asked for, places in it are remembered, so that from then on a look-up reads a few steps of it. When these are
 * too many all of them are forgotten.
 */
export class PcValues {
  private readonly bytes: Buffer;
  private readonly quantum: number;
  /** Per table: the number of its places, then of each the pc and the value that it begins with, and where it is. */
  private pool = new Int32Array(firstPoolInts);
  private used = 0;
  private readonly tables = new Map<number, number>();
  /** Where `step` is: behind it the value that holds from the pc before up to `pc`. */
  private at = 0;
  private value = -1;
  private pc = 0;

  constructor(bytes: Buffer, quantum: number) {
    this.bytes = bytes;
    this.quantum = quantum;
  }

  get byteSize(): number {
    return this.pool.byteLength + 40 * this.tables.size;
  }

  /** The value of the table that begins at byte `start`, at `pc` (offset from the function's start); -1 where it has none. */
  valueAt(start: number, pc: number): number {
    const table = this.tables.get(start) ?? this.index(start);
    const { pool } = this;
    let low = 0;
    let high = pool[table];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (pool[table + 1 + 3 * middle] <= pc) low = middle;
      else high = middle;
    }
    if (high === 0) return -1;
    this.pc = pool[table + 1 + 3 * low];
    this.value = pool[table + 2 + 3 * low];
    this.at = pool[table + 3 + 3 * low];
    while (this.step(start)) if (pc < this.pc) return this.value;
    return -1;
  }

  /** Remembers every 32nd place of a table; returns where they stand in the pool. */
  private index(start: number): number {
    this.at = start;
    this.value = -1;
    this.pc = 0;
    const places: number[] = [];
    for (let steps = 0; steps < maxSteps; steps++) {
      const { pc, value, at } = this;
      if (!this.step(start)) break;
      if (steps % stride === 0) places.push(pc, value, at);
    }
    const needed = 1 + places.length;
    if (this.used + needed > maxPoolInts) {
      this.tables.clear();
      this.used = 0;
    }
    if (this.used + needed > this.pool.length) {
      const larger = new Int32Array(Math.min(maxPoolInts, 2 * (this.pool.length + needed)));
      larger.set(this.pool.subarray(0, this.used));
      this.pool = larger;
    }
    const table = this.used;
    this.pool[table] = places.length / 3;
    this.pool.set(places, table + 1);
    this.used += needed;
    this.tables.set(start, table);
    return table;
  }

  /** Reads the next pair of the table that begins at `start`; false at its end. */
  private step(start: number): boolean {
    const { bytes } = this;
    let { at } = this;
    if (at >= bytes.length) return false;
    const isFirst = at === start;
    let delta = 0;
    let shift = 0;
    let byte = 0x80;
    while (byte >= 0x80 && at < bytes.length && shift < 35) {
      byte = bytes[at++];
      delta |= (byte & 0x7f) << shift;
      shift += 7;
    }
    if (delta === 0 && !isFirst) return false;
    this.value = (this.value + ((delta & 1) !== 0 ? ~(delta >>> 1) : delta >>> 1)) | 0;
    let pcDelta = 0;
    shift = 0;
    byte = 0x80;
    while (byte >= 0x80 && at < bytes.length && shift < 35) {
      byte = bytes[at++];
      pcDelta |= (byte & 0x7f) << shift;
      shift += 7;
    }
    this.pc += (pcDelta >>> 0) * this.quantum;
    this.at = at;
    return this.pc <= 0x7fffffff;
  }
}
