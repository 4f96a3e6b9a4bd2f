import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchEncoder, otlpOptions } from "../../../exporters/pyroscope/encode.js";
import { LabelEncoder } from "../../../exporters/pyroscope/label-encoder.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { loadProto } from "../../../src/proto/load.js";
import { createSink, type SinkConsumer } from "../../support/consumers.js";
import { decodePprof, pprofMeaning } from "../../support/pprof-oracle.js";
import { createRig, host } from "./rig.js";
import { recordedAnswer, recordedPprof, type Script, startTarget } from "./target-server.js";

const kinds = ["process_cpu", "memory", "goroutine", "mutex", "block"];
const profiling = (wanted: readonly string[]) =>
  Object.fromEntries(kinds.map((kind) => [kind, { enabled: wanted.includes(kind) }]));

/** Scrapes a target twice; `batches` come of it. */
async function scrapeTwice(script: Script, config: object, batches: number): Promise<SinkConsumer> {
  const target = await startTarget(script);
  const sink = createSink();
  const scrape = { static_configs: [{ targets: [target.address] }], profiling_config: config };
  try {
    const { receiver, pass } = createRig({ scrape_configs: [scrape] }, sink);
    await receiver.start(host);
    await pass(15_000, () => target.requests.length === Object.keys(script).length);
    await pass(15_000, () => sink.taken.length === batches);
    await receiver.shutdown();
  } finally {
    await target.close();
  }
  return sink;
}

/** What the exporter would push of it: labels as bytes, and what the pprof says. */
function pushed(batch: Profiles) {
  const labels = new LabelEncoder(() => {});
  const encoder = new BatchEncoder(batch, { otlp: otlpOptions([], true), nowMs: () => 0, labels });
  const series = [];
  while (encoder.remaining > 0) series.push(...encoder.take().profiles);
  return series.map(({ labels: fields, pprof: { bytes } }) => ({
    labels: fields.toString("latin1"),
    meaning: pprofMeaning(bytes),
    functions: decodePprof(bytes).function.length,
  }));
}

test("what a target gave goes on as it came", async () => {
  const names = ["profile-5s", "goroutine"];
  const script = {
    "/debug/pprof/profile": [recordedAnswer(names[0])],
    "/debug/pprof/goroutine": [recordedAnswer(names[1])],
  };
  const { taken } = await scrapeTwice(script, profiling(["process_cpu", "goroutine"]), 4);
  const [first, second] = names.map(recordedPprof);
  const seen = taken.map(({ profiles }) => {
    const [{ payloads = [] }] = profiles.resources;
    return payloads.map(({ bytes }) => [bytes.equals(first), bytes.equals(second)]);
  });
  assert.deepEqual(seen.sort(), [[[false, true]], [[false, true]], [[true, false]], [[true, false]]]);
  for (const { profiles } of taken) {
    const [{ scopes }] = profiles.resources;
    assert.deepEqual(
      scopes.map(({ name, version }) => [name, version]),
      [["flamepipe/receivers/pprof", "0.0.0"]],
    );
  }
});

test("a difference is pushed without the functions of what did not change", async () => {
  const before = decodePprof(recordedPprof("allocs-1"));
  const after = structuredClone(before);
  after.sample[0].value[0] = String(BigInt(after.sample[0].value[0]) + 5n);
  for (const { value } of after.sample) value.fill("0", 2);
  const type = loadProto("pprof.proto").lookupType("perftools.profiles.Profile");
  const answers = [before, after].map((profile) => {
    const body = Buffer.from(type.encode(type.fromObject(profile)).finish());
    return { body, headers: { "content-type": "application/octet-stream" } };
  });
  const [{ profiles }] = (await scrapeTwice({ "/debug/pprof/allocs": answers }, profiling(["memory"]), 1)).taken;
  assert.ok(!profiles.isSealed);
  const [{ meaning, functions }] = pushed(profiles);
  assert.deepEqual([...meaning.samples.values()], [[5n, 0n, 0n, 0n]]);
  assert.deepEqual([before.function.length, functions], [15, 4]);
});

test("it is pushed with the labels and the content that it has when decoded and encoded anew", async () => {
  const recordings = ["profile-5s", "goroutine", "heap", "threadcreate", "mutex-delta-2s"];
  const script = Object.fromEntries(recordings.map((name) => [`/${name}`, [recordedAnswer(name)]]));
  const custom = recordings.map((name) => [name.replaceAll("-", "_"), { path: `/${name}`, cumulative: false }]);
  const config = { ...profiling([]), custom: Object.fromEntries(custom) };
  const { taken } = await scrapeTwice(script, config, 2 * recordings.length);
  for (const { profiles } of taken) {
    assert.ok(profiles.isSealed);
    const decoded = profiles.copy();
    decoded.editTexts({ attribute: (attribute) => attribute, wantsAll: false });
    assert.ok(decoded.resources.every(({ payloads }) => payloads === undefined));
    const [passed, anew] = [pushed(profiles), pushed(decoded)];
    assert.equal(passed.length, 1);
    assert.deepEqual(passed, anew);
  }
});
