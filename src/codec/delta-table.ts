/**
 * Values by 64-bit key, in typed arrays: what one profile's cumulative values were. Some 40 bytes a key, and nothing that
 * a garbage collector has to walk.
 */
export class DeltaTable {
  /** Values of each key. */
  readonly width: number;
  /** Keys so far; rows are numbered in the order in which they came. */
  count = 0;
  private readonly slots: Int32Array;
  private readonly low: Int32Array;
  private readonly high: Int32Array;
  readonly values: BigInt64Array;

  /** For at most `capacity` keys. */
  constructor(capacity: number, width: number) {
    this.width = width;
    let slots = 8;
    while (slots < 2 * capacity) slots *= 2;
    this.slots = new Int32Array(slots).fill(-1);
    this.low = new Int32Array(capacity);
    this.high = new Int32Array(capacity);
    this.values = new BigInt64Array(capacity * width);
  }

  /** Bytes that a table for so many keys takes. */
  static byteSize(capacity: number, width: number): number {
    return capacity * (8 + 8 * width) + 16 * capacity + 32;
  }

  /** The key's row, or -1. */
  find(low: number, high: number): number {
    return this.slots[this.slotOf(low, high)];
  }

  /** The row in `other` that has the key of our row, or -1. */
  rowIn(other: DeltaTable, row: number): number {
    return other.find(this.low[row], this.high[row]);
  }

  /** The key's row, made where there was none (values 0). */
  add(low: number, high: number): number {
    const slot = this.slotOf(low, high);
    const found = this.slots[slot];
    if (found >= 0) return found;
    const row = this.count++;
    this.slots[slot] = row;
    this.low[row] = low;
    this.high[row] = high;
    return row;
  }

  /** True if any value of our row is less than it was in `other`'s row `old`. */
  isBelow(row: number, other: DeltaTable, old: number): boolean {
    const { width, values } = this;
    for (let i = 0; i < width; i++) if (values[row * width + i] < other.values[old * width + i]) return true;
    return false;
  }

  isAboveZero(row: number): boolean {
    const { width, values } = this;
    for (let i = row * width; i < (row + 1) * width; i++) if (values[i] > 0n) return true;
    return false;
  }

  private slotOf(low: number, high: number): number {
    const { slots } = this;
    const mask = slots.length - 1;
    let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    while (slots[slot] >= 0 && (this.low[slots[slot]] !== low || this.high[slots[slot]] !== high)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
}
