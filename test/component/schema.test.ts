import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { duration } from "../../src/component/schema.js";

describe("a duration", () => {
  const field = duration("5s");
  /** As Go's time.ParseDuration reads them, in milliseconds. */
  const good: readonly (readonly [input: string | number, ms: number])[] = [
    ["0", 0],
    ["1m30s", 90_000],
    ["-1.5h", -5_400_000],
    ["+.5s", 500],
    ["1.s", 1000],
    ["250us", 0.25],
    ["3µs", 0.003],
    ["500ns", 0.0005],
    ["2562047h47m16s", 9_223_372_036_000],
    [1_000_000_000, 1000],
  ];
  for (const [input, ms] of good) it(`${input} is ${ms} ms`, () => assert.equal(field.parse(input), ms));

  for (const input of ["", "5", "5 s", "1d", "s", ".s", "1h-1m", "--1s", "2562048h", "9999999h", "-9999999h", 1.5]) {
    it(`${JSON.stringify(input)} is none`, () => assert.equal(field.safeParse(input).success, false));
  }

  it("has a default", () => assert.equal(field.parse(undefined), 5000));
});
