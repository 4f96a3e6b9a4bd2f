import type { SampleColumns } from "../pdata/columns.js";
import type { LabelSets } from "./pprof-labels.js";
import { highHalf, int32Pairs, lowHalf } from "./pprof-writer.js";

/**
 * The samples of one pprof: a row per {stack, label set, link}, a value per sample type. Profiles of one capture are
 * added column by column; rows whose identity matches are joined. A sum past int64 isn't joined but begins another row.
 */
export class SampleRows {
  readonly width: number;
  length = 0;
  stack: Int32Array;
  labels: Int32Array;
  link: Int32Array;
  /** Sample messages that went into the row, for counting what is dropped. */
  sources: Int32Array;
  /** Low and high halves of value `row * width + column`. */
  lo: Int32Array;
  hi: Int32Array;
  // Open addressing: 0 = free, else row + 1.
  private table: Int32Array;

  /** `width` = sample types; `expected` = samples that will come, if known. */
  constructor(width: number, expected: number) {
    const capacity = Math.max(16, expected);
    this.width = width;
    this.stack = new Int32Array(capacity);
    this.labels = new Int32Array(capacity);
    this.link = new Int32Array(capacity);
    this.sources = new Int32Array(capacity);
    this.lo = new Int32Array(capacity * width);
    this.hi = new Int32Array(capacity * width);
    this.table = new Int32Array(tableSize(capacity));
  }

  /**
   * Adds a profile's samples as values of `column`. A sample counts the sum of its values, or its timestamps where it
   * has none. `linkOf` maps link_table indices to those that say something (0 = no link).
   */
  add(columns: SampleColumns, column: number, sets: LabelSets, linkOf: Int32Array): void {
    const setIds = labelSetsOf(columns, sets);
    const { stack, attrSet, link } = columns;
    this.addValues(columns, column, (i) => this.rowOf(stack[i], setIds[attrSet[i]], linkOf[link[i]]));
  }

  /** As `add`, sample i to row i; where there are no rows yet, each sample makes one. */
  addRowByRow(columns: SampleColumns, column: number, sets: LabelSets, linkOf: Int32Array): void {
    if (this.length === 0) {
      const setIds = labelSetsOf(columns, sets);
      const { stack, attrSet, link } = columns;
      for (let i = 0; i < columns.length; i++) this.append(stack[i], setIds[attrSet[i]], linkOf[link[i]]);
    }
    this.addValues(columns, column, (i) => i);
  }

  private addValues(columns: SampleColumns, column: number, rowOf: (sample: number) => number): void {
    const pairs = int32Pairs(columns.values);
    const { valueStart, timestampStart } = columns;
    for (let i = 0; i < columns.length; i++) {
      const row = rowOf(i);
      this.sources[row]++;
      const end = valueStart[i + 1];
      let value = valueStart[i];
      if (value === end) this.addTo(row, column, timestampStart[i + 1] - timestampStart[i], 0);
      for (; value < end; value++) this.addTo(row, column, pairs[lowHalf(value)], pairs[highHalf(value)]);
    }
  }

  /** Multiplies the values of a column. A product past int64 stays at its end. */
  scale(column: number, factor: bigint): void {
    if (factor === 1n) return;
    const multiplier = Number(factor);
    for (let i = column; i < this.length * this.width; i += this.width) {
      const exact = this.hi[i] === 0 ? (this.lo[i] >>> 0) * multiplier : -1;
      if (exact >= 0 && exact <= Number.MAX_SAFE_INTEGER) {
        this.lo[i] = exact | 0;
        this.hi[i] = exact / 2 ** 32;
        continue;
      }
      const value = (BigInt(this.hi[i]) << 32n) | BigInt(this.lo[i] >>> 0);
      const product = clampInt64(value * factor);
      this.lo[i] = Number(BigInt.asIntN(32, product));
      this.hi[i] = Number(BigInt.asIntN(32, product >> 32n));
    }
  }

  private addTo(row: number, column: number, lo: number, hi: number): void {
    const i = row * this.width + column;
    const sumLo = (this.lo[i] >>> 0) + (lo >>> 0);
    const oldHi = this.hi[i];
    const sumHi = (oldHi + hi + (sumLo > 0xffffffff ? 1 : 0)) | 0;
    // Operands of one sign, sum of the other: past int64.
    if (((oldHi ^ sumHi) & (hi ^ sumHi)) < 0) {
      this.addTo(this.append(this.stack[row], this.labels[row], this.link[row]), column, lo, hi);
      return;
    }
    this.lo[i] = sumLo | 0;
    this.hi[i] = sumHi;
  }

  private rowOf(stack: number, labels: number, link: number): number {
    const mask = this.table.length - 1;
    let slot = hash(stack, labels, link) & mask;
    for (;;) {
      const row = this.table[slot] - 1;
      if (row < 0) break;
      if (this.stack[row] === stack && this.labels[row] === labels && this.link[row] === link) return row;
      slot = (slot + 1) & mask;
    }
    const row = this.append(stack, labels, link);
    if (this.length * 2 > this.table.length) this.rehash();
    else this.table[slot] = row + 1;
    return row;
  }

  private append(stack: number, labels: number, link: number): number {
    if (this.length === this.stack.length) this.grow();
    const row = this.length++;
    this.stack[row] = stack;
    this.labels[row] = labels;
    this.link[row] = link;
    return row;
  }

  private grow(): void {
    const grow = (old: Int32Array) => {
      const wider = new Int32Array(old.length * 2);
      wider.set(old);
      return wider;
    };
    this.stack = grow(this.stack);
    this.labels = grow(this.labels);
    this.link = grow(this.link);
    this.sources = grow(this.sources);
    this.lo = grow(this.lo);
    this.hi = grow(this.hi);
  }

  private rehash(): void {
    this.table = new Int32Array(tableSize(this.length));
    const mask = this.table.length - 1;
    for (let row = 0; row < this.length; row++) {
      let slot = hash(this.stack[row], this.labels[row], this.link[row]) & mask;
      while (this.table[slot] !== 0) slot = (slot + 1) & mask;
      this.table[slot] = row + 1;
    }
  }
}

function labelSetsOf({ attrSets }: SampleColumns, sets: LabelSets): Int32Array {
  const ids = new Int32Array(attrSets.length);
  for (let i = 0; i < ids.length; i++) ids[i] = sets.idOf(attrSets[i]);
  return ids;
}

/**
 * The samples of profiles that say the same of stack, attributes and link, sample by sample: a row for each, none
 * joined. undefined where they differ.
 */
export function parallelRows(
  profiles: readonly SampleColumns[],
  sets: LabelSets,
  linkOf: Int32Array,
): SampleRows | undefined {
  const [first] = profiles;
  for (const other of profiles) if (!areParallel(first, other)) return undefined;
  const rows = new SampleRows(profiles.length, first.length);
  profiles.forEach((columns, column) => {
    rows.addRowByRow(columns, column, sets, linkOf);
  });
  return rows;
}

function areParallel(a: SampleColumns, b: SampleColumns): boolean {
  if (a === b) return true;
  // Attribute sets are numbered in order of arrival: equal samples have equal numbers.
  if (a.length !== b.length || a.attrSets.length !== b.attrSets.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a.stack[i] !== b.stack[i] || a.attrSet[i] !== b.attrSet[i] || a.link[i] !== b.link[i]) return false;
  }
  return a.attrSets.every((set, i) => areEqual(set, b.attrSets[i]));
}

function areEqual(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function tableSize(rows: number): number {
  return 2 ** Math.ceil(Math.log2(rows * 2 + 2));
}

function hash(stack: number, labels: number, link: number): number {
  let h = Math.imul(stack, 0x9e3779b1) ^ Math.imul(labels, 0x85ebca6b) ^ Math.imul(link, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

const maxInt64 = (1n << 63n) - 1n;

function clampInt64(value: bigint): bigint {
  if (value > maxInt64) return maxInt64;
  return value < -maxInt64 - 1n ? -maxInt64 - 1n : value;
}
