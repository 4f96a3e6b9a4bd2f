import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createBatchProcessor } from "../../../processors/batch/batch-processor.js";
import { batch } from "../../../processors/batch/index.js";
import type { Consumer } from "../../../src/component/consumer.js";
import { background, type Context, withContext } from "../../../src/component/context.js";
import { permanent, retryable } from "../../../src/component/errors.js";
import { pdataJoin } from "../../../src/delivery/pdata-join.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import {
  FakeClock,
  fakeJoin,
  fakeProfiles,
  gate,
  namesOf,
  settle,
  testSettings,
  withDeadline,
} from "../../delivery/support.js";

interface Rig {
  config?: object;
  consume?: (profiles: Profiles, ctx: Context) => Promise<void>;
  reserve?: Consumer["reserve"];
  join?: typeof fakeJoin;
}

function rig({ config = {}, consume = async () => {}, reserve = () => undefined, join = fakeJoin }: Rig = {}) {
  const clock = new FakeClock();
  const settings = testSettings("batch", "processor");
  const received: Profiles[] = [];
  const next: Consumer = {
    mutates: false,
    reserve,
    consume(profiles, ctx) {
      received.push(profiles);
      return consume(profiles, ctx);
    },
  };
  const processor = createBatchProcessor(settings, batch.schema.parse(config), next, { clock, join });
  return { clock, settings, processor, received, names: () => received.map(namesOf) };
}

function problems(config: object): string[] {
  const result = batch.schema.safeParse(config);
  assert.equal(result.success, false);
  return result.error.issues.map((issue) => `${issue.path.join("::")}: ${issue.message}`);
}

test("keys and defaults are the Collector's, and ours", () => {
  assert.deepEqual(batch.schema.parse({}), {
    timeout: 200,
    send_batch_size: 8192,
    send_batch_max_size: 0,
    send_batch_size_bytes: 0,
    send_batch_max_size_bytes: 0,
    metadata_keys: [],
    metadata_cardinality_limit: 1000,
    early_ack: false,
  });
  assert.deepEqual(problems({ timeout: "-1s" }), ["timeout: timeout must be greater or equal to 0"]);
  assert.deepEqual(problems({ send_batch_max_size: 100 }), [
    "send_batch_max_size: send_batch_max_size must be greater or equal to send_batch_size",
  ]);
  assert.deepEqual(problems({ send_batch_size_bytes: 10, send_batch_max_size_bytes: 5 }), [
    "send_batch_max_size_bytes: send_batch_max_size_bytes must be greater or equal to send_batch_size_bytes",
  ]);
  assert.deepEqual(problems({ metadata_keys: ["Tenant", "tenant"] }), [
    'metadata_keys: duplicate entry in metadata_keys: "tenant" (case-insensitive)',
  ]);
});

test("a sender hears what became of its data in the next stage", async () => {
  const downstream = gate();
  const { processor, names, clock } = rig({ consume: () => downstream.promise });
  const outcomes: string[] = [];
  for (const name of ["a", "b"]) {
    processor.consume(fakeProfiles(name), background).then(
      () => outcomes.push("taken"),
      (error) => outcomes.push(error.message),
    );
  }
  await clock.advance(200);
  assert.deepEqual(names(), ["a+b"]);
  assert.deepEqual(outcomes, []);
  downstream.fail(retryable("sending queue is full"));
  await settle();
  assert.deepEqual(outcomes, ["sending queue is full", "sending queue is full"]);
});

test("a profiler that gives up after 5 s is answered before that, however long the timeout", async () => {
  const { processor, names, clock } = rig({ config: { timeout: "1m" } });
  const answered = processor.consume(fakeProfiles("a"), withDeadline(clock.now() + 5000));
  await clock.advance(4000);
  await answered;
  assert.deepEqual(names(), ["a"]);
});

test("early_ack answers at once; what is lost afterwards is counted and logged", async () => {
  let answer: Error | undefined;
  const { processor, settings, clock } = rig({
    config: { early_ack: true },
    consume: async () => {
      if (answer) throw answer;
    },
  });
  await processor.consume(fakeProfiles("a", 5), background);
  assert.equal(await settings.total("flamepipe_queued_samples"), 5);
  await clock.advance(200);
  assert.equal(await settings.total("flamepipe_queued_samples"), 0);
  answer = retryable("sending queue is full");
  await processor.consume(fakeProfiles("b", 7), background);
  await clock.advance(200);
  answer = permanent("bad");
  await processor.consume(fakeProfiles("c", 2), background);
  await clock.advance(200);
  const dropped = (reason: string) =>
    settings.value(`flamepipe_dropped_samples_total{component="batch",reason="${reason}"}`);
  assert.equal(await dropped("refused"), 7);
  assert.equal(await dropped("permanent"), 2);
  assert.equal(await settings.total("flamepipe_queued_samples"), 0);
  assert.deepEqual(
    settings.lines.map(({ level, message, fields }) => [level, message, fields.dropped_items]),
    [["error", "Sending a batch failed. Dropping data.", 7]],
  );
});

test("early_ack: data of a sender that goes away is sent all the same", async () => {
  const { processor, names, clock } = rig({ config: { early_ack: true } });
  const controller = new AbortController();
  await processor.consume(fakeProfiles("a"), withContext(background, { signal: controller.signal }));
  controller.abort();
  await clock.advance(200);
  assert.deepEqual(names(), ["a"]);
});

test("too many combinations of metadata are refused with either way to answer", async () => {
  for (const early_ack of [false, true]) {
    const { processor, settings } = rig({
      config: { early_ack, metadata_keys: ["Tenant"], metadata_cardinality_limit: 1, timeout: 0 },
    });
    const from = (tenant: string) => withContext(background, { metadata: new Map([["tenant", [tenant]]]) });
    await processor.consume(fakeProfiles("a"), from("t1"));
    await assert.rejects(processor.consume(fakeProfiles("b"), from("t2")), {
      kind: "permanent",
      message: "too many batcher metadata-value combinations",
    });
    await processor.consume(fakeProfiles("c"), from("t1"));
    assert.equal(await settings.total("flamepipe_dropped_samples_total"), 0);
    assert.equal(await settings.value('otelcol_processor_batch_metadata_cardinality{processor="batch"}'), 1);
  }
});

test("what is held is bounded in bytes and in requests; one large request is let in alone", async () => {
  const downstream = gate();
  const { processor } = rig({ config: { timeout: 0 }, consume: () => downstream.promise });
  const MiB = 1024 * 1024;
  const open = [processor.consume(fakeProfiles("a", 1, 300 * MiB), background)];
  assert.equal(processor.reserve(fakeProfiles("b", 1, 1)), "full");
  await assert.rejects(processor.consume(fakeProfiles("b", 1, 1), background), { kind: "retryable" });
  downstream.open();
  await Promise.all(open);
  await processor.consume(fakeProfiles("b", 1, 1), background);

  const many = rig({ config: { timeout: "1h", early_ack: true, send_batch_size: 1e9 } });
  for (let i = 0; i < 10_000; i++) await many.processor.consume(fakeProfiles("a", 0, 1), background);
  await assert.rejects(many.processor.consume(fakeProfiles("b", 0, 1), background), { kind: "retryable" });
});

test("the question for room is passed on, but not with early_ack", () => {
  assert.equal(rig({ reserve: () => "full" }).processor.reserve(fakeProfiles("a")), "full");
  const early = rig({ reserve: () => "full", config: { early_ack: true } });
  assert.equal(early.processor.reserve(fakeProfiles("a")), undefined);
});

test("what triggered a batch and how large it was is counted", async () => {
  const { processor, settings, clock } = rig({ config: { send_batch_size: 10 } });
  const open = [processor.consume(fakeProfiles("a", 10, 700), background)];
  open.push(processor.consume(fakeProfiles("b", 3, 200), background));
  await clock.advance(200);
  await Promise.all(open);
  const value = (name: string) => settings.value(`otelcol_processor_batch_${name}{processor="batch"}`);
  assert.equal(await value("batch_size_trigger_send"), 1);
  assert.equal(await value("timeout_trigger_send"), 1);
  assert.equal(await value("batch_send_size_sum"), 13);
  assert.equal(await value("batch_send_size_bytes_sum"), 900);
});

test("shutdown sends what is pending, refuses what comes later, and does not need start", async () => {
  const { processor, names } = rig({ config: { timeout: "1h" } });
  const pending = processor.consume(fakeProfiles("a"), background);
  await processor.shutdown();
  await processor.shutdown();
  await pending;
  assert.deepEqual(names(), ["a"]);
  await assert.rejects(processor.consume(fakeProfiles("b"), background), { kind: "retryable", reason: "shutdown" });
  await rig().processor.shutdown();
});

test("shutdown ends even if the next stage never answers; early answered data is then counted as lost", async () => {
  const { processor, settings, clock } = rig({
    config: { early_ack: true, timeout: 0 },
    consume: () => new Promise(() => {}),
  });
  await processor.consume(fakeProfiles("a", 6), background);
  let stopped = false;
  const done = processor.shutdown().then(() => {
    stopped = true;
  });
  await clock.advance(10_999);
  assert.equal(stopped, false);
  await clock.advance(1);
  await done;
  assert.equal(await settings.value('flamepipe_dropped_samples_total{component="batch",reason="shutdown"}'), 6);
  assert.equal(clock.timers, 0);
});

test("recorded requests keep their samples through joining and cutting", async () => {
  const requests = ["0001", "0002", "0003", "0004"].map((name) => readFileSync(`test/fixtures/otlp-ebpf/${name}.pb`));
  const total = requests.reduce((sum, bytes) => sum + Profiles.parse(bytes).sampleCount, 0);
  const largest = Math.max(...requests.map((bytes) => Profiles.parse(bytes).sampleCount));
  const joined = rig({ join: pdataJoin, config: { send_batch_size: total } });
  await Promise.all(requests.map((bytes) => joined.processor.consume(Profiles.parse(bytes), background)));
  assert.equal(joined.received.length, 1);
  const encoded = Buffer.concat(joined.received[0].encode());
  assert.equal(Profiles.parse(encoded).sampleCount, total);
  assert.ok(encoded.length < requests.reduce((sum, bytes) => sum + bytes.length, 0));

  const max = Math.ceil(largest / 3);
  const cut = rig({ join: pdataJoin, config: { send_batch_size: max, send_batch_max_size: max } });
  const open = requests.map((bytes) => cut.processor.consume(Profiles.parse(bytes), background));
  await cut.clock.advance(200);
  await Promise.all(open);
  const pieces = cut.received.map((piece) => Profiles.parse(Buffer.concat(piece.encode())).sampleCount);
  assert.ok(pieces.length >= 4);
  assert.ok(pieces.every((samples) => samples <= max));
  assert.equal(
    pieces.reduce((sum, samples) => sum + samples, 0),
    total,
  );
});
