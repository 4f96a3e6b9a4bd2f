import assert from "node:assert/strict";
import { test } from "node:test";
import { captureAttributes } from "../../../src/codec/capture.js";
import { background } from "../../../src/component/context.js";
import type { KeyValue } from "../../../src/pdata/any-value.js";
import { decodePprof, decodePush, pprofMeaning } from "../../support/pprof-oracle.js";
import { allRecorded } from "../../support/recorded.js";
import { batchOf, type ProfileSpec, takenMs, withRig } from "./setup.js";

const shop = { "service.name": "shop" };

/** Totals, in Pyroscope, of one resource with these profiles. */
async function totalsOf(profiles: readonly ProfileSpec[], pushes?: number): Promise<Record<string, bigint>> {
  let totals: Record<string, bigint> = {};
  await withRig({}, async ({ double, send }) => {
    await send(batchOf([{ attributes: shop, profiles }]), background);
    totals = double.totals();
    if (pushes !== undefined) assert.equal(double.pushes.length, pushes);
  });
  return totals;
}

const cpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
const counted: ProfileSpec = { type: "samples/count", period: "cpu/nanoseconds", periodValue: 50, values: [3, 4] };
const timed: ProfileSpec = { ...counted, type: "cpu/nanoseconds", values: [300, 400] };

function captureText(types: readonly string[]): Record<string, string> {
  const parsed = types.map((text) => ({ type: text.split("/")[0], unit: text.split("/")[1] }));
  const text = ({ key, value }: KeyValue) => [key, String(value.value)];
  return Object.fromEntries(captureAttributes("capture-1", parsed).map(text));
}

test("counted CPU samples become time", async () => {
  assert.deepEqual(await totalsOf([counted], 1), { [cpu]: 350n });
});

test("beside the time of the same capture the count stays a count", async () => {
  const both = { "process_cpu:samples:count:cpu:nanoseconds": 7n, [cpu]: 700n };
  assert.deepEqual(await totalsOf([counted, timed], 1), both);
  assert.deepEqual(await totalsOf([timed, counted], 1), both);
  // A second count at the same time, or a count at another time, has no such sibling.
  assert.deepEqual(await totalsOf([counted, timed, counted], 2), { ...both, [cpu]: 700n + 350n });
  const later = { ...timed, timeUnixNano: `${takenMs + 1}000000` };
  assert.deepEqual(await totalsOf([counted, later], 2), { [cpu]: 700n + 350n });
});

test("a capture is known by its key: equal times don't make one, other times don't part one", async () => {
  const attributes = captureText(["samples/count", "cpu/nanoseconds"]);
  const later = { timeUnixNano: `${takenMs + 1}000000` };
  const both = { "process_cpu:samples:count:cpu:nanoseconds": 7n, [cpu]: 700n };
  assert.deepEqual(
    await totalsOf(
      [
        { ...counted, attributes },
        { ...timed, attributes, ...later },
      ],
      1,
    ),
    both,
  );
  // The sibling went another way, but it exists.
  assert.deepEqual(await totalsOf([{ ...counted, attributes }]), { "process_cpu:samples:count:cpu:nanoseconds": 7n });
});

test("the four types of a heap profile are one profile", async () => {
  const types = ["alloc_objects/count", "alloc_space/bytes", "inuse_objects/count", "inuse_space/bytes"];
  const profiles = types.map((type, i) => ({ type, values: [i + 1] }));
  await withRig({}, async ({ double, send }) => {
    await send(batchOf([{ attributes: shop, profiles }]), background);
    assert.deepEqual(double.totals(), {
      "memory:alloc_objects:count:space:bytes": 1n,
      "memory:alloc_space:bytes:space:bytes": 2n,
      "memory:inuse_objects:count:space:bytes": 3n,
      "memory:inuse_space:bytes:space:bytes": 4n,
    });
    assert.equal(double.stored.length, 1);
    // Sums since the profile before, not since the process began: a Pyroscope that makes deltas must leave them alone.
    assert.deepEqual(double.stored[0].labels, { __name__: "memory", __delta__: "false", service_name: "shop" });
  });
});

test("other kinds have the names of Pyroscope's agents", async () => {
  const values = [5];
  const named = (type: string, period: string | undefined, attributes?: Record<string, string>) =>
    totalsOf([{ type, period, values, attributes }]);
  assert.deepEqual(await named("off_cpu/nanoseconds", undefined), { "off_cpu:off_cpu:nanoseconds::": 5n });
  assert.deepEqual(await named("goroutine/count", undefined), { "goroutine:goroutine:count:goroutine:count": 5n });
  assert.deepEqual(await named("wall/nanoseconds", undefined), { "wall:wall:nanoseconds:wall:nanoseconds": 5n });
  assert.deepEqual(await named("cpu/nanoseconds", undefined), { [cpu]: 5n });
  assert.deepEqual(await named("events/count", undefined), { "events:events:count::": 5n });
  assert.deepEqual(await named("a-b:c/count", undefined), { "a-b_c:a_b_c:count::": 5n });
  const block = { "pyroscope.name": "block" };
  assert.deepEqual(await named("delay/nanoseconds", undefined, block), {
    "block:delay:nanoseconds:contentions:count": 5n,
  });
});

test("a push is one profile of one series: pprof in gzip, nothing around it", async () => {
  await withRig({}, async ({ double, send }) => {
    await send(
      batchOf([{ attributes: shop, profiles: [counted, { type: "wall/nanoseconds", values: [1] }] }]),
      background,
    );
    assert.equal(double.pushes.length, 2);
    for (const { headers, url, body } of double.pushes) {
      assert.equal(url, "/push.v1.PusherService/Push");
      assert.equal(headers["content-type"], "application/proto");
      assert.equal(headers["content-encoding"], undefined);
      const { series } = decodePush(body);
      assert.equal(series.length, 1);
      assert.equal(series[0].samples.length, 1);
      assert.deepEqual([...series[0].samples[0].raw_profile.subarray(0, 2)], [0x1f, 0x8b]);
    }
  });
  await withRig({ compression: "none" }, async ({ double, send }) => {
    await send(batchOf([{ attributes: shop, profiles: [counted] }]), background);
    assert.equal(decodePush(double.pushes[0].body).series[0].samples[0].raw_profile[0], 0x0a);
    assert.deepEqual(double.totals(), { [cpu]: 350n });
  });
});

test("sample attributes become labels on demand; a link always does", async () => {
  const sampleAttributes = { "thread.name": "main", "thread.id": 7 };
  const profiles = [{ ...counted, sampleAttributes, link: true }];
  const labels = async (config: object, specs: readonly ProfileSpec[] = profiles) => {
    let found: string[] = [];
    await withRig({ ...config }, async ({ double, send }) => {
      await send(batchOf([{ attributes: shop, profiles: specs }]), background);
      const [first] = pprofMeaning(double.stored[0].pprof).samples.keys();
      found = first.split("--\n")[1].split("\n");
    });
    return found;
  };
  const link = [`span_id=${"cd".repeat(8)}`, `trace_id=${"ab".repeat(16)}`];
  assert.deepEqual(await labels({}), link);
  assert.deepEqual(await labels({ sample_labels: ["thread.name"] }), [
    ...link.slice(0, 1),
    "thread.name=main",
    link[1],
  ]);
  assert.deepEqual(await labels({ sample_labels: ["*"] }), [link[0], "thread.id=7", "thread.name=main", link[1]]);
  // What came as pprof keeps what it had, numbers as numbers.
  const fromPprof = [{ ...profiles[0], attributes: captureText(["samples/count"]) }];
  assert.deepEqual(await labels({}, fromPprof), [link[0], "thread.id:7 ", "thread.name=main", link[1]]);
});

test("a time that nobody set is that of the oldest timestamp, else now", async () => {
  const times = async (spec: ProfileSpec) => {
    let time = "";
    await withRig({}, async ({ double, send }) => {
      await send(batchOf([{ attributes: shop, profiles: [spec] }]), background);
      time = decodePprof(double.stored[0].pprof).time_nanos;
    });
    return time;
  };
  const unset = { ...counted, timeUnixNano: "0" };
  const stamps = [`${takenMs - 5000}000000`, `${takenMs - 9000}000000`, "12"];
  assert.equal(await times(unset), `${takenMs}000000`);
  assert.equal(await times({ ...counted, timeUnixNano: "3600000000000" }), `${takenMs}000000`);
  assert.equal(await times({ ...unset, timestamps: stamps }), stamps[1]);
  assert.equal(await times({ ...counted, timestamps: stamps }), `${takenMs}000000`);
});

test("more than 16,000 samples, or more bytes than Pyroscope's burst, are several pushes", async () => {
  const many = Array.from({ length: 16_001 }, (_, i) => i + 1);
  await withRig({}, async ({ double, send }) => {
    await send(batchOf([{ attributes: shop, profiles: [{ ...counted, periodValue: 1, values: many }] }]), background);
    assert.equal(double.stored.length, 2);
    assert.deepEqual(double.totals(), { [cpu]: BigInt((16_001 * 16_002) / 2) });
  });
  await withRig({ sample_labels: ["*"] }, async ({ double, send }) => {
    const profiles = [{ ...counted, periodValue: 1, values: Array(300).fill(1), ownAttribute: 12_000 }];
    await send(batchOf([{ attributes: shop, profiles }]), background);
    assert.equal(double.stored.length, 2);
    for (const { pprof } of double.stored) assert.ok(pprof.length < 2 * 1024 * 1024);
    assert.deepEqual(double.totals(), { [cpu]: 300n });
  });
});

test("a single sample that Pyroscope would never take is left out, the rest arrives", async () => {
  await withRig({ sample_labels: ["*"] }, async ({ double, send }) => {
    const two = batchOf([
      { attributes: shop, profiles: [{ ...counted, values: [1], sampleAttributes: { k: "x".repeat(5 << 20) } }] },
      { attributes: { "service.name": "other" }, profiles: [timed] },
    ]);
    await assert.rejects(send(two, background), { kind: "partial", rejectedSamples: 1, reason: "too_large" });
    assert.deepEqual(double.totals(), { [cpu]: 700n });
  });
});

test("the recorded requests arrive with equal totals, frames without a name named", async () => {
  for (const [unnamed_frames, expected] of [
    ["name", 72_393_938_670n],
    ["keep", 0n],
  ] as const) {
    await withRig({ unnamed_frames }, async (rig) => {
      const batches = allRecorded();
      rig.nowMs = Number(batches[0].newestTimeUnixNano / 1_000_000n);
      for (const batch of batches) await rig.send(batch, background);
      const totals = rig.double.totals();
      assert.deepEqual(Object.keys(totals), [cpu]);
      // Left without names, some stacks show nowhere: 7,167 samples of 10,101,010 ns went in.
      if (expected > 0n) assert.equal(totals[cpu], expected);
      else assert.ok(totals[cpu] < 72_393_938_670n);
      assert.equal(rig.double.stored.length, 217);
    });
  }
});
