import assert from "node:assert/strict";
import { test } from "node:test";
import { createBatchProcessor } from "../../processors/batch/batch-processor.js";
import { batch } from "../../processors/batch/index.js";
import type { Consumer } from "../../src/component/consumer.js";
import { background } from "../../src/component/context.js";
import { PipelineError, partial, permanent, retryable } from "../../src/component/errors.js";
import type { Component } from "../../src/component/factory.js";
import { queueField, retryField } from "../../src/delivery/config.js";
import { createExporter, type Send } from "../../src/delivery/exporter.js";
import { createFanOut } from "../../src/graph/fan-out.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.js";
import { FakeClock, fakeJoin, fakeProfiles, settle, testSettings } from "./support.js";

/** Numbers in [0, 1) that are the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A backend that takes its time and answers in every way there is; counts what it took. */
function moodyBackend(clock: FakeClock, random: () => number) {
  const backend = { took: 0, send: undefined as unknown as Send };
  backend.send = async (profiles) => {
    await new Promise<void>((resolve) => void clock.setTimer(resolve, random() * 300));
    const mood = random();
    const samples = profiles.sampleCount;
    if (mood < 0.25) throw retryable("busy", { retryAfterMs: random() < 0.5 ? undefined : 400 });
    if (mood < 0.35) throw permanent("bad");
    if (mood < 0.45) {
      const rejected = Math.floor(random() * (samples + 1));
      backend.took += samples - rejected;
      throw partial("some are too old", rejected);
    }
    backend.took += samples;
  };
  return backend;
}

const queues: object[] = [
  {},
  { num_consumers: 2, queue_size: 20 },
  { num_consumers: 1, queue_size: 60, sizer: "items", on_full: "drop_oldest" },
  { num_consumers: 2, queue_size: 30, batch: { min_size: 20, max_size: 25 } },
  {
    num_consumers: 1,
    queue_size: 5000,
    sizer: "bytes",
    on_full: "drop_oldest",
    batch: { min_size: 900, max_size: 1000 },
  },
  { num_consumers: 2, queue_size: 8, block_on_overflow: true, batch: {} },
];

function exporterOf(metrics: Metrics, clock: FakeClock, random: () => number, send: Send, queue: object) {
  return createExporter({
    settings: testSettings("e", "exporter", metrics),
    timeoutMs: 250,
    retry: retryField().parse({ initial_interval: "100ms", max_interval: "400ms", max_elapsed_time: "900ms" }),
    queue: queueField({ enabledByDefault: true }).parse(queue),
    send,
    clock,
    random,
    join: fakeJoin,
    drainMs: 500,
  });
}

function ledger(metrics: Metrics) {
  const { total } = testSettings("x", "exporter", metrics);
  return async () => ({
    sent: await total("otelcol_exporter_sent_profile_samples"),
    queued: await total("flamepipe_queued_samples"),
    dropped: await total("flamepipe_dropped_samples_total"),
  });
}

/** Sends at random for a while; `check` is called at moments in between with the samples accepted so far. */
async function drive(
  head: Consumer,
  clock: FakeClock,
  random: () => number,
  check: (accepted: number) => Promise<void>,
): Promise<() => number> {
  let accepted = 0;
  for (let i = 0; i < 150; i++) {
    const samples = Math.floor(random() * 40);
    head.consume(fakeProfiles(`p${i}`, samples), background).then(
      () => {
        accepted += samples;
      },
      (error: PipelineError) => {
        assert.ok(error instanceof PipelineError, String(error));
        if (error.kind === "partial") accepted += samples - error.rejectedSamples;
      },
    );
    await clock.advance(Math.floor(random() * 60));
    if (i % 10 === 0) await check(accepted);
  }
  return () => accepted;
}

async function stopAll(clock: FakeClock, components: Component[]): Promise<void> {
  for (const component of components) {
    let stopped = false;
    const done = component.shutdown().then(() => {
      stopped = true;
    });
    for (let i = 0; i < 400 && !stopped; i++) await clock.advance(50);
    assert.ok(stopped, "shutdown did not end");
    await done;
  }
  await settle();
}

test("accepted = sent + queued + dropped at every moment, for every kind of queue", async () => {
  let lost = 0;
  for (const [index, queue] of queues.entries()) {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed * 100 + index);
      const clock = new FakeClock();
      const metrics = createMetrics();
      const backend = moodyBackend(clock, random);
      const exporter = exporterOf(metrics, clock, random, backend.send, queue);
      const read = ledger(metrics);
      const accepted = await drive(exporter, clock, random, async (soFar) => {
        const { sent, queued, dropped } = await read();
        assert.equal(sent + queued + dropped, soFar, `queue ${index}, seed ${seed}`);
      });
      await stopAll(clock, [exporter]);
      const { sent, queued, dropped } = await read();
      assert.equal(queued, 0);
      assert.equal(sent + dropped, accepted(), `queue ${index}, seed ${seed}`);
      // The backend may have taken what timed out on our side; never less than we say.
      assert.ok(backend.took >= sent);
      assert.ok(sent > 0);
      lost += dropped;
    }
  }
  assert.ok(lost > 0, "the backend was too kind to prove anything");
});

test("the balance holds through a batch processor with either way to answer", async () => {
  for (const early_ack of [false, true]) {
    for (const queue of [queues[1], { enabled: false }, { wait_for_result: true, batch: { min_size: 20 } }]) {
      const random = seeded(early_ack ? 7 : 8);
      const clock = new FakeClock();
      const metrics = createMetrics();
      const backend = moodyBackend(clock, random);
      const exporter = exporterOf(metrics, clock, random, backend.send, queue);
      const settings = testSettings("b", "processor", metrics);
      const config = batch.schema.parse({ early_ack, send_batch_size: 60, send_batch_max_size: 0, timeout: "100ms" });
      const processor = createBatchProcessor(settings, config, exporter, { clock, join: fakeJoin });
      const accepted = await drive(processor, clock, random, async () => {});
      await stopAll(clock, [processor, exporter]);
      const { sent, queued, dropped } = await ledger(metrics)();
      assert.equal(queued, 0);
      assert.equal(sent + dropped, accepted());
    }
  }
});

test("behind a fan-out each branch balances on its own, whatever the others do", async () => {
  const random = seeded(5);
  const clock = new FakeClock();
  const branches = [queues[0], queues[1], queues[3]].map((queue) => {
    const metrics = createMetrics();
    const exporter = exporterOf(metrics, clock, random, moodyBackend(clock, random).send, queue);
    return { exporter, read: ledger(metrics) };
  });
  const fanOut = createFanOut(branches.map(({ exporter }) => exporter));
  const accepted = await drive(fanOut, clock, random, async (soFar) => {
    for (const { read } of branches) {
      const { sent, queued, dropped } = await read();
      assert.equal(sent + queued + dropped, soFar);
    }
  });
  await stopAll(
    clock,
    branches.map(({ exporter }) => exporter),
  );
  for (const { read } of branches) {
    const { sent, queued, dropped } = await read();
    assert.deepEqual([sent + dropped, queued], [accepted(), 0]);
  }
});
