/** The ids of one table (any uint64, in halves), each with the position of its entry. */
export class PprofIds {
  /** Position by id for small ids; -1 = unknown. */
  readonly dense: Int32Array;
  private readonly sparse = new Map<number | bigint, number>();

  constructor(count: number) {
    this.dense = new Int32Array(2 * count + 16).fill(-1);
  }

  /** False if the id is taken. */
  add(low: number, high: number, position: number): boolean {
    if (high === 0 && low >>> 0 < this.dense.length) {
      if (this.dense[low] >= 0) return false;
      this.dense[low] = position;
      return true;
    }
    const key = idKey(low, high);
    if (this.sparse.has(key)) return false;
    this.sparse.set(key, position);
    return true;
  }

  /** -1 if there is no such id. */
  find(low: number, high: number): number {
    if (high === 0 && low >>> 0 < this.dense.length) return this.dense[low];
    return this.sparse.get(idKey(low, high)) ?? -1;
  }
}

function idKey(low: number, high: number): number | bigint {
  const upper = high >>> 0;
  const lower = low >>> 0;
  return upper < 0x200000 ? upper * 0x100000000 + lower : (BigInt(upper) << 32n) | BigInt(lower);
}

/** An id as text, for messages. */
export function idText(low: number, high: number): string {
  return String(idKey(low, high));
}
