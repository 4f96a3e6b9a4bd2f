import type { ProfileBuilder } from "../pdata/builder.js";
import { invalid, TooLargeError } from "./invalid.js";

interface Row {
  readonly stack: number;
  readonly list: number;
  /** One per sample type. Exact: bigint where a double can't hold it. */
  readonly values: (number | bigint)[];
}

/** Attributes (in one order for one meaning) and a link. */
interface Listed {
  readonly attributes: readonly number[];
  readonly link: number;
}

const maxLists = 1 << 21;
/** A row takes far more room than the few bytes that it can be written with. */
const defaultMaxRows = 500_000;
const maxInt64 = (1n << 63n) - 1n;

/** Adds up the values of samples that are equal in stack and attributes, for formats that write each event by itself. */
export class CountedStacks {
  /** Each sum is multiplied by this when it is written. */
  scale = 1n;
  private readonly format: string;
  private readonly maxRows: number;
  private readonly rows = new Map<number, Row>();
  private readonly numbers = new Map<string, number>();
  /** By number; 0 is none of both. */
  private readonly lists: Listed[] = [{ attributes: [], link: 0 }];

  /** `format` is named in error texts. */
  constructor(format: string, maxRows = defaultMaxRows) {
    this.format = format;
    this.maxRows = maxRows;
  }

  /** Samples that `write` would write to each profile. */
  get size(): number {
    return this.rows.size;
  }

  /** Indices of the stack and of attributes (in one order for one meaning), and a value per sample type. */
  add(stack: number, attributes: readonly number[], ...values: (number | bigint)[]): void {
    this.addLinked(stack, attributes, 0, values);
  }

  /** As `add`, for samples with a link. */
  addLinked(stack: number, attributes: readonly number[], link: number, values: (number | bigint)[]): void {
    this.addListed(stack, this.list(attributes, link), values);
  }

  /** As `add`, with the number of the attributes: for who has many samples with the same ones. `values` is kept. */
  addListed(stack: number, list: number, values: (number | bigint)[]): void {
    const key = stack * maxLists + list;
    const row = this.rows.get(key);
    if (!row) {
      if (this.rows.size === this.maxRows) throw this.tooMany();
      this.rows.set(key, { stack, list, values });
      return;
    }
    for (let i = 0; i < values.length; i++) row.values[i] = exactSum(row.values[i], values[i]);
  }

  /** The number of attributes and a link, for `addListed`. `attributes` is kept. */
  list(attributes: readonly number[], link = 0): number {
    if (attributes.length === 0 && link === 0) return 0;
    const key = `${link} ${attributes.join(" ")}`;
    let number = this.numbers.get(key);
    if (number === undefined) {
      number = this.lists.length;
      if (number === maxLists) throw invalid(this.format, "too many different labels");
      this.numbers.set(key, number);
      this.lists.push({ attributes, link });
    }
    return number;
  }

  private tooMany(): TooLargeError {
    return new TooLargeError(`${this.format}: more than ${this.maxRows} different samples`);
  }

  /** Writes a sample per row to each profile, whose order is that of the values. */
  write(...profiles: readonly ProfileBuilder[]): void {
    const one: (number | bigint)[] = [0];
    for (const { stack, list, values } of this.rows.values()) {
      const { attributes, link } = this.lists[list];
      for (let i = 0; i < profiles.length; i++) {
        one[0] = this.scaled(values[i]);
        profiles[i].sample(stack, attributes, link, one);
      }
    }
  }

  private scaled(value: number | bigint): number | bigint {
    // A bigint costs more than all the rest of a sample.
    if (typeof value === "number" && this.scale === 1n && Number.isSafeInteger(value)) return value;
    const scaled = BigInt(value) * this.scale;
    if (scaled > maxInt64 || scaled < -maxInt64 - 1n) {
      throw invalid(this.format, "the values of a stack add up past 64 bits");
    }
    return scaled;
  }
}

function exactSum(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(a) + BigInt(b);
}
