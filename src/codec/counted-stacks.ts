import type { ProfileBuilder } from "../pdata/builder.js";
import { invalid, TooLargeError } from "./invalid.js";

interface Row {
  readonly stack: number;
  readonly attributes: readonly number[];
  readonly link: number;
  /** One per sample type. Exact: bigint where a double can't hold it. */
  readonly values: (number | bigint)[];
}

const maxAttributeLists = 1 << 21;
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
  private readonly lists = new Map<string, number>();

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
    const key = stack * maxAttributeLists + (attributes.length === 0 && link === 0 ? 0 : this.listId(attributes, link));
    const row = this.rows.get(key);
    if (!row) {
      if (this.rows.size === this.maxRows) throw this.tooMany();
      this.rows.set(key, { stack, attributes, link, values });
      return;
    }
    for (let i = 0; i < values.length; i++) row.values[i] = exactSum(row.values[i], values[i]);
  }

  private tooMany(): TooLargeError {
    return new TooLargeError(`${this.format}: more than ${this.maxRows} different samples`);
  }

  private listId(attributes: readonly number[], link: number): number {
    const key = `${link} ${attributes.join(" ")}`;
    let id = this.lists.get(key);
    if (id === undefined) {
      id = this.lists.size + 1;
      if (id === maxAttributeLists) throw invalid(this.format, "too many different labels");
      this.lists.set(key, id);
    }
    return id;
  }

  /** Writes a sample per row to each profile, whose order is that of the values. */
  write(...profiles: readonly ProfileBuilder[]): void {
    for (const { stack, attributes, link, values } of this.rows.values()) {
      for (const [i, profile] of profiles.entries()) {
        const value = BigInt(values[i]) * this.scale;
        if (value > maxInt64 || value < -maxInt64 - 1n) {
          throw invalid(this.format, "the values of a stack add up past 64 bits");
        }
        profile.sample(stack, attributes, link, [value]);
      }
    }
  }
}

function exactSum(a: number | bigint, b: number | bigint): number | bigint {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return BigInt(a) + BigInt(b);
}
