import assert from "node:assert/strict";
import { test } from "node:test";
import { CountedStacks } from "../../src/codec/counted-stacks.js";
import { TooLargeError } from "../../src/codec/invalid.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";

test("equal samples are joined, and different ones counted against a limit", () => {
  const counts = new CountedStacks("collapsed stacks", 2);
  for (let i = 0; i < 3; i++) {
    counts.add(1, [], 2);
    counts.add(1, [7], 2n);
  }
  assert.throws(() => counts.add(2, [], 1), TooLargeError);
  assert.throws(
    () => counts.addLinked(1, [], 3, [1]),
    /^TooLargeError: collapsed stacks: more than 2 different samples$/,
  );
});

test("sums are exact up to 64 bits and refused beyond", () => {
  const builder = new ProfilesBuilder();
  const scope = builder.resource([]).scope();
  const counts = new CountedStacks("collapsed stacks");
  counts.add(0, [], Number.MAX_SAFE_INTEGER);
  counts.add(0, [], 2);
  const profile = scope.profile({ sampleType: { type: "samples", unit: "count" } });
  counts.write(profile);
  counts.add(0, [], 1n << 62n);
  counts.add(0, [], 1n << 62n);
  assert.throws(() => counts.write(profile), /add up past 64 bits/);
  const [written] = builder.finish().resources[0].scopes[0].profiles;
  assert.deepEqual([...written.columns().values], [2n ** 53n + 1n]);
});
