import { ScratchInts } from "./scratch.js";

/** The ids of one table (any uint64, in halves), each with the position of its entry. */
export class PprofIds {
  /** Position by id, for ids below `limit`; -1 = unknown. */
  dense: Int32Array;
  limit = 0;
  private readonly ints = new ScratchInts();
  private sparse: Map<number | bigint, number> | undefined;

  constructor() {
    this.dense = this.ints.take(0, -1);
  }

  /** Forgets all; about `count` ids will come. */
  reset(count: number): void {
    this.limit = 2 * count + 16;
    this.dense = this.ints.take(this.limit, -1);
    this.sparse = undefined;
  }

  /** False if the id is taken. */
  add(low: number, high: number, position: number): boolean {
    if (high === 0 && low >>> 0 < this.limit) {
      if (this.dense[low] >= 0) return false;
      this.dense[low] = position;
      return true;
    }
    const key = idKey(low, high);
    this.sparse ??= new Map();
    if (this.sparse.has(key)) return false;
    this.sparse.set(key, position);
    return true;
  }

  /** As `find`, for an id that smallVarint read; -1 for -1. */
  small(id: number): number {
    return id >= 0 && id < this.limit ? this.dense[id] : -1;
  }

  /** -1 if there is no such id. */
  find(low: number, high: number): number {
    if (high === 0 && low >>> 0 < this.limit) return this.dense[low];
    return this.sparse?.get(idKey(low, high)) ?? -1;
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
