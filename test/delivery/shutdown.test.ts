import assert from "node:assert/strict";
import { test } from "node:test";
import { background } from "../../src/component/context.js";
import { retryable } from "../../src/component/errors.js";
import { queueField, retryField } from "../../src/delivery/config.js";
import { createExporter, type ExporterOptions, type Send } from "../../src/delivery/exporter.js";
import { FakeClock, fakeJoin, fakeProfiles, gate, namesOf, settle, testSettings } from "./support.js";

function rig(send: Send, queue: object = {}, options: Partial<ExporterOptions> = {}) {
  const clock = new FakeClock();
  const settings = testSettings("otlp_http");
  const exporter = createExporter({
    settings,
    timeoutMs: 5000,
    retry: retryField().parse({}),
    queue: queueField({ enabledByDefault: true }).parse(queue),
    send,
    clock,
    random: () => 0.5,
    join: fakeJoin,
    ...options,
  });
  return { clock, settings, exporter };
}

/** True once `promise` has settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await settle();
  return settled;
}

test("shutdown is legal without start, is done once, and takes nothing afterwards", async () => {
  let closed = 0;
  const { exporter, settings } = rig(async () => {}, {}, { shutdown: () => void closed++ });
  await Promise.all([exporter.shutdown(), exporter.shutdown()]);
  await exporter.shutdown();
  assert.equal(closed, 1);
  await assert.rejects(exporter.consume(fakeProfiles("a", 3), background), { kind: "retryable", reason: "shutdown" });
  assert.equal(exporter.reserve(fakeProfiles("a")), "full");
  assert.equal(await settings.total("otelcol_exporter_enqueue_failed_profile_samples"), 3);
});

test("shutdown sends what is queued before the transport is closed", async () => {
  const events: string[] = [];
  const backend = gate();
  const { exporter, clock } = rig(
    async (profiles) => {
      await backend.promise;
      events.push(namesOf(profiles));
    },
    { num_consumers: 1 },
    { shutdown: () => void events.push("closed") },
  );
  for (const name of ["a", "b", "c"]) await exporter.consume(fakeProfiles(name), background);
  const done = exporter.shutdown();
  assert.equal(await isSettled(done), false);
  backend.open();
  await done;
  assert.deepEqual(events, ["a", "b", "c", "closed"]);
  assert.equal(clock.timers, 0);
});

test("with a backend that refuses, each queued item is tried once more, and what is lost is counted and logged", async () => {
  const tried: string[] = [];
  const { exporter, clock, settings } = rig(
    async (profiles) => {
      tried.push(namesOf(profiles));
      throw retryable("connection refused");
    },
    { num_consumers: 1 },
  );
  for (const name of ["a", "b", "c"]) await exporter.consume(fakeProfiles(name, 5), background);
  await settle();
  assert.deepEqual(tried, ["a"]);
  await exporter.shutdown();
  assert.deepEqual(tried, ["a", "b", "c"]);
  assert.equal(clock.now(), 1000);
  assert.equal(await settings.value('flamepipe_dropped_samples_total{component="otlp_http",reason="shutdown"}'), 15);
  const last = settings.lines[settings.lines.length - 1];
  assert.deepEqual(last, {
    level: "error",
    message: "Shutting down. Dropping data that the backend did not take.",
    fields: { dropped_items: 15 },
  });
});

test("with a backend that never answers, shutdown ends after its time, and loses exactly what it counts", async () => {
  for (const queue of [{ num_consumers: 2 }, { num_consumers: 2, batch: { min_size: 20 } }]) {
    const { exporter, clock, settings } = rig(() => new Promise(() => {}), queue, { drainMs: 7000 });
    for (let i = 0; i < 100; i++) await exporter.consume(fakeProfiles(`p${i}`, 4), background);
    const done = exporter.shutdown();
    await clock.advance(6999);
    assert.equal(await isSettled(done), false);
    await clock.advance(1);
    await done;
    assert.equal(await settings.total("flamepipe_dropped_samples_total"), 400);
    assert.equal(await settings.value('flamepipe_dropped_samples_total{component="otlp_http",reason="shutdown"}'), 400);
    assert.equal(await settings.total("otelcol_exporter_sent_profile_samples"), 0);
    assert.equal(clock.timers, 0);
  }
});

test("senders that wait for the result are told at shutdown, and nothing of theirs counts as lost", async () => {
  for (const queue of [{ enabled: false }, { wait_for_result: true }, { wait_for_result: true, batch: {} }]) {
    const { exporter, clock, settings } = rig(() => new Promise(() => {}), queue, { drainMs: 2000 });
    const waiting = exporter.consume(fakeProfiles("a", 4), background);
    const refused = assert.rejects(waiting, { kind: "retryable", reason: "shutdown" });
    const done = exporter.shutdown();
    await clock.advance(2000);
    await done;
    await refused;
    assert.equal(await settings.total("flamepipe_dropped_samples_total"), 0);
    assert.equal(await settings.total("otelcol_exporter_send_failed_profile_samples"), 4);
  }
});

test("senders in front of a full queue are turned away at shutdown", async () => {
  const backend = gate();
  const { exporter } = rig(() => backend.promise, { queue_size: 1, block_on_overflow: true });
  await exporter.consume(fakeProfiles("a"), background);
  const blocked = exporter.consume(fakeProfiles("b"), background);
  const refused = assert.rejects(blocked, { kind: "retryable", reason: "shutdown" });
  const done = exporter.shutdown();
  await refused;
  backend.open();
  await done;
});

test("shutdown does not wait for a batch's time", async () => {
  const sent: string[] = [];
  const { exporter, clock } = rig(
    async (profiles) => {
      sent.push(namesOf(profiles));
    },
    { batch: { flush_timeout: "1h" } },
  );
  for (const name of ["a", "b"]) await exporter.consume(fakeProfiles(name), background);
  await exporter.shutdown();
  assert.deepEqual(sent, ["a+b"]);
  assert.equal(clock.timers, 0);
});
