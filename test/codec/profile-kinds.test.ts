import assert from "node:assert/strict";
import { test } from "node:test";
import { kindNamed, nameAttribute, profileKinds, profileName, temporalityOf } from "../../src/codec/profile-kinds.js";
import { intValue, keyValue, stringValue } from "../../src/pdata/any-value.js";

function type(text: string) {
  const [name, unit = ""] = text.split("/");
  return { type: name, unit };
}

const names: [sample: string, period: string, name: string][] = [
  ["samples/count", "cpu/nanoseconds", "process_cpu"],
  ["cpu/nanoseconds", "cpu/nanoseconds", "process_cpu"],
  ["cpu/nanoseconds", "", "process_cpu"],
  ["cpu/nanoseconds", "cpu/cycles", "process_cpu"],
  ["wall/nanoseconds", "wall/nanoseconds", "wall"],
  ["wall/nanoseconds", "", "wall"],
  ["cpu/nanoseconds", "wall/nanoseconds", "wall"],
  ["samples/count", "wall/nanoseconds", "wall"],
  ["alloc_space/bytes", "space/bytes", "memory"],
  ["alloc_objects/count", "", "memory"],
  ["inuse_space/bytes", "inuse_space/bytes", "memory"],
  ["inuse_objects/count", "space/bytes", "memory"],
  ["alloc_in_new_tlab_bytes/bytes", "space/bytes", "memory"],
  ["goroutine/count", "goroutine/count", "goroutine"],
  ["threadcreate/count", "threadcreate/count", "threadcreate"],
  ["contentions/count", "contentions/count", "mutex"],
  ["delay/nanoseconds", "mutex/count", "mutex"],
  ["delay/nanoseconds", "block/count", "block"],
  ["off_cpu/nanoseconds", "", "off_cpu"],
  ["offcpu/nanoseconds", "", "offcpu"],
  ["events/count", "", "events"],
  ["itimer/count", "itimer/ns", "itimer"],
  ["samples/count", "", "samples"],
  ["alloc_space/kilobytes", "", "alloc_space"],
  ["", "cpu/nanoseconds", "cpu"],
  ["", "", "unknown"],
];

test("a profile is named by its sample and period type", () => {
  for (const [sample, period, name] of names) {
    assert.equal(profileName(type(sample), type(period), []), name, `${sample} ${period}`);
  }
});

test("a name that a receiver or a rule gave wins, unless it is empty or no text", () => {
  const contentions = type("contentions/count");
  const named = (value: Parameters<typeof keyValue>[1]) =>
    profileName(contentions, contentions, [keyValue("other", stringValue("x")), keyValue(nameAttribute, value)]);
  assert.equal(named(stringValue("block")), "block");
  assert.equal(named(stringValue("")), "mutex");
  assert.equal(named(intValue(5n)), "mutex");
});

test("temporality: what stands at a moment is never a delta", () => {
  assert.equal(temporalityOf(type("inuse_space/bytes"), type("space/bytes")), "instant");
  assert.equal(temporalityOf(type("goroutine/count"), type("")), "instant");
  assert.equal(temporalityOf(type("alloc_space/bytes"), type("space/bytes")), "cumulative");
  assert.equal(temporalityOf(type("delay/nanoseconds"), type("contentions/count")), "cumulative");
  assert.equal(temporalityOf(type("cpu/nanoseconds"), type("wall/nanoseconds")), "delta");
  assert.equal(temporalityOf(type("something/else"), type("")), "delta");
});

test("every kind is found by its name, and names are unique", () => {
  for (const kind of profileKinds) assert.equal(kindNamed(kind.name), kind);
  assert.equal(kindNamed("goroutines")?.name, "goroutine");
  assert.equal(kindNamed("no such"), undefined);
});
