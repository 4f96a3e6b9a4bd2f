import assert from "node:assert/strict";
import { test } from "node:test";
import { background, withContext } from "../../src/component/context.js";
import { Code, type PipelineError, partial, permanent, retryable } from "../../src/component/errors.js";
import { rig } from "./exporter-rig.js";
import { fakeProfiles, type Gate, gate, namesOf, settle, withDeadline } from "./support.js";

const noQueue = { enabled: false };

test("a sender is answered when its data is queued; what was sent is counted", async () => {
  const backend = gate();
  const { exporter, counts, settings } = rig(() => backend.promise);
  await exporter.consume(fakeProfiles("a", 7), background);
  assert.deepEqual(await counts(), { sent: 0, failed: 0, refused: 0, queued: 7, dropped: 0 });
  const labels = '{exporter="otlp_grpc",data_type="profiles"}';
  assert.equal(await settings.value(`otelcol_exporter_queue_size${labels}`), 1);
  assert.equal(await settings.value(`otelcol_exporter_queue_capacity${labels}`), 1000);
  assert.equal(await settings.value(`otelcol_exporter_in_flight_requests${labels}`), 1);
  backend.open();
  await settle();
  assert.deepEqual(await counts(), { sent: 7, failed: 0, refused: 0, queued: 0, dropped: 0 });
  assert.equal(await settings.value(`otelcol_exporter_in_flight_requests${labels}`), 0);
});

test("without a queue the sender hears the result, and nothing counts as dropped", async () => {
  const answers = [permanent("bad token", { code: Code.UNAUTHENTICATED, httpStatus: 401 }), undefined];
  const { exporter, counts } = rig(
    async () => {
      const answer = answers.shift();
      if (answer) throw answer;
    },
    { queue: noQueue },
  );
  await assert.rejects(exporter.consume(fakeProfiles("a", 3), background), (error: PipelineError) => {
    assert.equal(error.kind, "permanent");
    assert.equal(error.code, Code.UNAUTHENTICATED);
    assert.equal(error.httpStatus, 401);
    assert.equal(error.message, "not retryable error: bad token");
    return true;
  });
  await exporter.consume(fakeProfiles("b", 2), background);
  assert.deepEqual(await counts(), { sent: 2, failed: 3, refused: 0, queued: 0, dropped: 0 });
});

test("a full queue refuses with 503 and counts it; the refused sender's data is not sent", async () => {
  const backend = gate();
  const sent: string[] = [];
  const { exporter, counts } = rig(
    (profiles) => {
      sent.push(namesOf(profiles));
      return backend.promise;
    },
    { queue: { queue_size: 2, num_consumers: 1 } },
  );
  await exporter.consume(fakeProfiles("a"), background);
  await exporter.consume(fakeProfiles("b"), background);
  await assert.rejects(exporter.consume(fakeProfiles("c", 5), background), {
    kind: "retryable",
    code: Code.UNAVAILABLE,
    message: "sending queue is full",
  });
  assert.deepEqual(await counts(), { sent: 0, failed: 0, refused: 5, queued: 2, dropped: 0 });
  backend.open();
  await settle();
  assert.deepEqual(sent, ["a", "b"]);
});

test("the bound is in samples or bytes where the sizer says so; what can never fit is permanent", async () => {
  const backend = gate();
  const { exporter } = rig(() => backend.promise, { queue: { sizer: "items", queue_size: 10 } });
  await exporter.consume(fakeProfiles("a", 6), background);
  await assert.rejects(exporter.consume(fakeProfiles("b", 5), background), /sending queue is full/);
  await exporter.consume(fakeProfiles("c", 4), background);
  await assert.rejects(exporter.consume(fakeProfiles("d", 11), background), { kind: "permanent", httpStatus: 413 });

  const bytes = rig(() => backend.promise, { queue: { sizer: "bytes", queue_size: 1000 } });
  await bytes.exporter.consume(fakeProfiles("a", 1, 600), background);
  await assert.rejects(bytes.exporter.consume(fakeProfiles("b", 1, 401), background), /sending queue is full/);
  await bytes.exporter.consume(fakeProfiles("c", 1, 400), background);
});

test("no more than num_consumers requests are sent at a time, oldest first", async () => {
  const gates = new Map<string, Gate>();
  const { exporter } = rig(
    (profiles) => {
      const opened = gate();
      gates.set(namesOf(profiles), opened);
      return opened.promise;
    },
    { queue: { num_consumers: 2 } },
  );
  for (const name of ["a", "b", "c", "d"]) await exporter.consume(fakeProfiles(name), background);
  await settle();
  assert.deepEqual([...gates.keys()], ["a", "b"]);
  gates.get("b")?.open();
  await settle();
  assert.deepEqual([...gates.keys()], ["a", "b", "c"]);
});

test("block_on_overflow makes the sender wait for room, first come first served", async () => {
  const gates: Gate[] = [];
  const sent: string[] = [];
  const { exporter } = rig(
    (profiles) => {
      sent.push(namesOf(profiles));
      gates.push(gate());
      return gates[gates.length - 1].promise;
    },
    { queue: { queue_size: 1, num_consumers: 1, block_on_overflow: true } },
  );
  await exporter.consume(fakeProfiles("a"), background);
  const order: string[] = [];
  const b = exporter.consume(fakeProfiles("b"), background).then(() => order.push("b"));
  const c = exporter.consume(fakeProfiles("c"), background).then(() => order.push("c"));
  await settle();
  assert.deepEqual(order, []);
  gates[0].open();
  await b;
  await settle();
  gates[1].open();
  await c;
  assert.deepEqual(order, ["b", "c"]);
  assert.deepEqual(sent, ["a", "b", "c"]);
});

test("a blocked sender is let go at its deadline or when it is gone", async () => {
  const { exporter, clock, counts } = rig(() => gate().promise, {
    queue: { queue_size: 1, block_on_overflow: true },
  });
  await exporter.consume(fakeProfiles("a"), background);
  const late = exporter.consume(fakeProfiles("b"), withDeadline(clock.now() + 500));
  const controller = new AbortController();
  const gone = exporter.consume(fakeProfiles("c"), withContext(background, { signal: controller.signal }));
  controller.abort();
  await assert.rejects(gone, { kind: "retryable", code: Code.CANCELLED });
  const outcome = assert.rejects(late, { kind: "retryable", code: Code.DEADLINE_EXCEEDED });
  await clock.advance(499);
  assert.equal((await counts()).refused, 1);
  await clock.advance(1);
  await outcome;
  assert.equal((await counts()).refused, 2);
  assert.equal(clock.timers, 0);
});

test("the senders that may block are bounded", async () => {
  const { exporter } = rig(() => gate().promise, { queue: { queue_size: 1, block_on_overflow: true } });
  await exporter.consume(fakeProfiles("a"), background);
  const blocked = Array.from({ length: 1000 }, () => exporter.consume(fakeProfiles("b"), background));
  await assert.rejects(exporter.consume(fakeProfiles("c"), background), /sending queue is full/);
  assert.equal(blocked.length, 1000);
});

test("drop_oldest sheds what waits longest, and counts it", async () => {
  const backend = gate();
  const sent: string[] = [];
  const { exporter, counts, settings } = rig(
    (profiles) => {
      sent.push(namesOf(profiles));
      return backend.promise;
    },
    { queue: { queue_size: 3, num_consumers: 1, on_full: "drop_oldest" } },
  );
  for (const name of ["a", "b", "c", "d", "e"]) await exporter.consume(fakeProfiles(name, 2), background);
  assert.deepEqual(await counts(), { sent: 0, failed: 0, refused: 0, queued: 6, dropped: 4 });
  assert.equal(
    await settings.value('flamepipe_dropped_samples_total{component="otlp_grpc",reason="queue_full_oldest"}'),
    4,
  );
  backend.open();
  await settle();
  assert.deepEqual(sent, ["a", "d", "e"]);
  assert.deepEqual(await counts(), { sent: 6, failed: 0, refused: 0, queued: 0, dropped: 4 });
});

test("drop_oldest sheds nothing in vain: what is being sent can't make room", async () => {
  const { exporter, counts } = rig(() => gate().promise, {
    queue: { queue_size: 10, sizer: "items", num_consumers: 1, on_full: "drop_oldest" },
  });
  await exporter.consume(fakeProfiles("a", 8), background);
  await exporter.consume(fakeProfiles("b", 2), background);
  await assert.rejects(exporter.consume(fakeProfiles("c", 3), background), /sending queue is full/);
  assert.deepEqual(await counts(), { sent: 0, failed: 0, refused: 3, queued: 10, dropped: 0 });
});

test("drop_oldest reaches what the queue's batcher holds", async () => {
  const { exporter, counts } = rig(() => gate().promise, {
    queue: { queue_size: 2, on_full: "drop_oldest", batch: { min_size: 100 } },
  });
  for (const name of ["a", "b", "c"]) await exporter.consume(fakeProfiles(name), background);
  assert.deepEqual(await counts(), { sent: 0, failed: 0, refused: 0, queued: 2, dropped: 1 });
});

test("wait_for_result answers with the export's result", async () => {
  const answers = [undefined, permanent("no", { code: Code.INVALID_ARGUMENT }), partial("some", 2)];
  const { exporter, counts } = rig(
    async () => {
      const answer = answers.shift();
      if (answer) throw answer;
    },
    { queue: { wait_for_result: true } },
  );
  await exporter.consume(fakeProfiles("a", 4), background);
  await assert.rejects(exporter.consume(fakeProfiles("b", 4), background), { code: Code.INVALID_ARGUMENT });
  await assert.rejects(exporter.consume(fakeProfiles("c", 4), background), { kind: "partial", rejectedSamples: 2 });
  assert.deepEqual(await counts(), { sent: 6, failed: 6, refused: 0, queued: 0, dropped: 0 });
});

test("with wait_for_result, data of a sender that went away while queued is not sent", async () => {
  const backend = gate();
  const sent: string[] = [];
  const { exporter } = rig(
    (profiles) => {
      sent.push(namesOf(profiles));
      return backend.promise;
    },
    { queue: { wait_for_result: true, num_consumers: 1 } },
  );
  const first = exporter.consume(fakeProfiles("a"), background);
  const controller = new AbortController();
  const second = exporter.consume(fakeProfiles("b"), withContext(background, { signal: controller.signal }));
  controller.abort();
  await assert.rejects(second, { code: Code.CANCELLED });
  backend.open();
  await first;
  await settle();
  assert.deepEqual(sent, ["a"]);
});

test("a sender that was answered may go away: its data is sent all the same", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const { exporter, clock } = rig(
    async (_profiles, ctx) => {
      signals.push(ctx.signal);
      assert.equal(ctx.deadlineMs, clock.now() + 5000);
      assert.deepEqual(ctx.metadata.get("tenant"), ["t1"]);
    },
    { timeoutMs: 5000 },
  );
  const controller = new AbortController();
  const taken = exporter.consume(
    fakeProfiles("a"),
    withContext(background, {
      signal: controller.signal,
      deadlineMs: clock.now() + 1,
      metadata: new Map([["tenant", ["t1"]]]),
    }),
  );
  controller.abort();
  await taken;
  await settle();
  assert.equal(signals.length, 1);
  assert.equal(signals[0]?.aborted, false);
});

test("reserved room is kept for its holder and given back once", async () => {
  const { exporter, settings } = rig(() => gate().promise, { queue: { queue_size: 1 } });
  const size = () => settings.value('otelcol_exporter_queue_size{exporter="otlp_grpc",data_type="profiles"}');
  const held = exporter.reserve(fakeProfiles("a"));
  assert.ok(held && held !== "full");
  assert.equal(await size(), 1);
  assert.equal(exporter.reserve(fakeProfiles("b")), "full");
  await assert.rejects(exporter.consume(fakeProfiles("b"), background), /sending queue is full/);
  await exporter.consume(fakeProfiles("a"), withContext(background, { reservation: held }));
  held.release();
  held.release();
  assert.equal(await size(), 1);
});

test("room that was reserved and not used is free again", async () => {
  const { exporter } = rig(() => gate().promise, { queue: { queue_size: 1 } });
  const held = exporter.reserve(fakeProfiles("a"));
  assert.ok(held && held !== "full");
  held.release();
  await exporter.consume(fakeProfiles("b"), background);
  assert.equal(exporter.reserve(fakeProfiles("c")), "full");
});

test("nothing is reserved where the sender waits by choice or no queue exists", () => {
  assert.equal(rig(async () => {}, { queue: noQueue }).exporter.reserve(fakeProfiles("a")), undefined);
  assert.equal(
    rig(async () => {}, { queue: { block_on_overflow: true } }).exporter.reserve(fakeProfiles("a")),
    undefined,
  );
});

test("the age of the oldest item is that of the one still open longest", async () => {
  const gates: Gate[] = [];
  const { exporter, clock, settings, label } = rig(() => {
    gates.push(gate());
    return gates[gates.length - 1].promise;
  });
  const age = () => settings.value(`flamepipe_oldest_queued_item_seconds${label}`);
  assert.equal(await age(), 0);
  await exporter.consume(fakeProfiles("a"), background);
  await clock.advance(2000);
  await exporter.consume(fakeProfiles("b"), background);
  await clock.advance(3000);
  assert.equal(await age(), 5);
  gates[0].open();
  await settle();
  assert.equal(await age(), 3);
});

test("freshness is measured at success, against the newest sample", async () => {
  const { exporter, clock, settings } = rig(async () => {}, { queue: noQueue });
  const profiles = fakeProfiles("a");
  (profiles as { newestTimeUnixNano: bigint }).newestTimeUnixNano = BigInt(clock.wallMs() - 12_500) * 1_000_000n;
  await exporter.consume(profiles, background);
  assert.equal(await settings.value('flamepipe_freshness_seconds_sum{exporter="otlp_grpc"}'), 12.5);
  assert.equal(await settings.value('flamepipe_freshness_seconds_count{exporter="otlp_grpc"}'), 1);
});

test("sent by parts is counted by parts", async () => {
  const { exporter, counts } = rig(async () => {
    throw partial("three are too old", 3);
  });
  await exporter.consume(fakeProfiles("a", 10), background);
  await settle();
  assert.deepEqual(await counts(), { sent: 7, failed: 3, refused: 0, queued: 0, dropped: 3 });
});

test("each lost request is counted by why; the log says it once per change of state", async () => {
  let answer: Error | undefined = permanent("no such tenant");
  const { exporter, counts, settings, clock } = rig(async () => {
    if (answer) throw answer;
  });
  for (let i = 0; i < 5; i++) await exporter.consume(fakeProfiles("a", 2), background);
  await settle();
  answer = undefined;
  await clock.advance(10_000);
  await exporter.consume(fakeProfiles("b", 2), background);
  await settle();
  assert.deepEqual(await counts(), { sent: 2, failed: 10, refused: 0, queued: 0, dropped: 10 });
  assert.equal(await settings.value('flamepipe_dropped_samples_total{component="otlp_grpc",reason="permanent"}'), 10);
  assert.deepEqual(
    settings.lines.map(({ level, message, fields }) => [level, message, fields.dropped_items]),
    [
      ["error", "Exporting failed. Dropping data.", 2],
      ["info", "Exporting works again.", undefined],
    ],
  );
});

test("retry off: the first failure is final, with a reason of its own", async () => {
  const { exporter, settings } = rig(
    async () => {
      throw retryable("busy");
    },
    { retry: { enabled: false } },
  );
  await exporter.consume(fakeProfiles("a", 4), background);
  await settle();
  assert.equal(
    await settings.value('flamepipe_dropped_samples_total{component="otlp_grpc",reason="retry_disabled"}'),
    4,
  );
});

test("an exporter's own fault is permanent, whether it throws or rejects", async () => {
  const { exporter, counts } = rig(() => {
    throw new TypeError("x is undefined");
  });
  await exporter.consume(fakeProfiles("a", 4), background);
  await settle();
  assert.equal((await counts()).dropped, 4);
});
