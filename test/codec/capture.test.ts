import assert from "node:assert/strict";
import { test } from "node:test";
import { captureAttributes, captureId, groupCaptures } from "../../src/codec/capture.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import type { Profile } from "../../src/pdata/profiles.js";

const period = { type: "cpu", unit: "nanoseconds" };

function profile(type: string, timeUnixNano: bigint, attributes: readonly KeyValue[] = [], durationNano = 5n): Profile {
  const [name, unit] = type.split("/");
  const known = { sampleType: { type: name, unit }, periodType: period, timeUnixNano, durationNano, attributes };
  return known as unknown as Profile;
}

function grouped(profiles: Profile[]): string[][] {
  return groupCaptures(profiles).map((capture) => capture.profiles.map((p) => p.sampleType.type));
}

const types = [
  { type: "samples", unit: "count" },
  { type: "cpu", unit: "nanoseconds" },
];

test("profiles of one pprof belong together by their id, whatever their times", () => {
  const one = captureAttributes("one", types);
  const two = captureAttributes("two", types);
  const profiles = [
    profile("samples/count", 1n, one),
    profile("samples/count", 1n, two),
    profile("cpu/nanoseconds", 2n, one),
    profile("cpu/nanoseconds", 1n, two),
    profile("cpu/nanoseconds", 1n, two),
  ];
  assert.deepEqual(grouped(profiles), [
    ["samples", "cpu"],
    ["samples", "cpu", "cpu"],
  ]);
  assert.deepEqual(
    groupCaptures(profiles).map(({ id }) => id),
    ["one", "two"],
  );
});

test("a profile whose siblings went elsewhere still knows of them", () => {
  const [capture] = groupCaptures([profile("samples/count", 1n, captureAttributes("one", types))]);
  assert.ok(capture.types.has("cpu/nanoseconds"));
  const both = groupCaptures([
    profile("samples/count", 1n, captureAttributes("one", types)),
    profile("wall/nanoseconds", 1n),
  ]);
  assert.deepEqual(
    both.map((c) => [...c.types]),
    [["samples/count", "cpu/nanoseconds"], ["wall/nanoseconds"]],
  );
});

test("without an id, equal time and duration make a capture, but a type twice begins another", () => {
  assert.deepEqual(
    grouped([
      profile("samples/count", 0n),
      profile("cpu/nanoseconds", 0n),
      profile("samples/count", 0n),
      profile("cpu/nanoseconds", 0n),
      profile("cpu/nanoseconds", 7n),
      profile("samples/count", 7n, [], 6n),
    ]),
    [["samples", "cpu"], ["samples", "cpu"], ["cpu"], ["samples"]],
  );
  assert.equal(captureId([]), "");
});
