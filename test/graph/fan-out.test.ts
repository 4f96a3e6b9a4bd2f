import assert from "node:assert/strict";
import { test } from "node:test";
import type { Consumer } from "../../src/component/consumer.js";
import { background, type Context, withContext } from "../../src/component/context.js";
import { Code, PipelineError, partial, permanent, retryable } from "../../src/component/errors.js";
import type { Exporter } from "../../src/component/factory.js";
import { queueField, retryField } from "../../src/delivery/config.js";
import { createExporter, type Send } from "../../src/delivery/exporter.js";
import { createFanOut } from "../../src/graph/fan-out.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { FakeClock, fakeJoin, fakeProfiles, gate, namesOf, settle, testSettings } from "../delivery/support.js";

interface Branch extends Consumer {
  readonly seen: Profiles[];
  readonly contexts: Context[];
}

function branch(mutates = false, answer?: Error, room?: ReturnType<Consumer["reserve"]>): Branch {
  const seen: Profiles[] = [];
  const contexts: Context[] = [];
  return {
    mutates,
    seen,
    contexts,
    reserve: () => room,
    async consume(profiles, ctx) {
      seen.push(profiles);
      contexts.push(ctx);
      if (answer) throw answer;
    },
  };
}

async function answerOf(...errors: (Error | undefined)[]): Promise<PipelineError | undefined> {
  try {
    await createFanOut(errors.map((error) => branch(false, error))).consume(fakeProfiles("a", 10), background);
    return undefined;
  } catch (caught) {
    assert.ok(caught instanceof PipelineError);
    return caught;
  }
}

test("one consumer needs no fan-out", () => {
  const only = branch();
  assert.equal(createFanOut([only]), only);
});

test("those who only read share the batch; those who edit get copies", async () => {
  const branches = [branch(), branch(true), branch(), branch(true)];
  const fanOut = createFanOut(branches);
  assert.equal(fanOut.mutates, false);
  await fanOut.consume(fakeProfiles("a"), background);
  assert.deepEqual(
    branches.map(({ seen }) => seen.map(namesOf)),
    [["a"], ["a'"], ["a"], ["a'"]],
  );
  assert.notEqual(branches[1].seen[0], branches[3].seen[0]);
  assert.equal(branches[0].seen[0], branches[2].seen[0]);
});

test("where all edit, the last one gets the original", async () => {
  const branches = [branch(true), branch(true)];
  const fanOut = createFanOut(branches);
  assert.equal(fanOut.mutates, true);
  await fanOut.consume(fakeProfiles("a"), background);
  assert.deepEqual(
    branches.map(({ seen }) => seen.map(namesOf)),
    [["a'"], ["a"]],
  );
});

test("if a branch has no room, nobody takes the data, room already reserved is given back, and the answer is 503", async () => {
  let released = 0;
  const first = branch(false, undefined, { release: () => void released++ });
  const second = branch(false, undefined, "full");
  const fanOut = createFanOut([first, second]);
  await assert.rejects(fanOut.consume(fakeProfiles("a"), background), { kind: "retryable", code: Code.UNAVAILABLE });
  assert.deepEqual([first.seen.length, second.seen.length, released], [0, 0, 1]);
  assert.equal(fanOut.reserve(fakeProfiles("a")), "full");
});

test("each branch gets its own room; what it does not spend is given back", async () => {
  let released = 0;
  const room = { release: () => void released++ };
  const branches = [branch(false, undefined, room), branch()];
  await createFanOut(branches).consume(fakeProfiles("a"), background);
  assert.equal(branches[0].contexts[0].reservation, room);
  assert.equal(branches[1].contexts[0].reservation, undefined);
  assert.equal(released, 1);
});

test("room reserved through a fan-out is used by it, not reserved again", async () => {
  let asked = 0;
  let released = 0;
  const counting: Branch = {
    ...branch(),
    reserve() {
      asked++;
      return { release: () => void released++ };
    },
  };
  const inner = createFanOut([counting, branch()]);
  await createFanOut([inner, branch()]).consume(fakeProfiles("a"), background);
  assert.deepEqual([asked, released, counting.seen.length], [1, 1, 1]);
  const held = inner.reserve(fakeProfiles("b"));
  assert.ok(held && held !== "full");
  await inner.consume(fakeProfiles("b"), withContext(background, { reservation: held }));
  assert.deepEqual([asked, released, counting.seen.length], [2, 2, 2]);
});

test("the answer is permanent only if every failure is", async () => {
  assert.equal(await answerOf(undefined, undefined), undefined);
  const bad = permanent("bad", { code: Code.INVALID_ARGUMENT });
  assert.equal(await answerOf(undefined, bad), bad);
  assert.equal(await answerOf(bad, permanent("worse")), bad);
  const busy = await answerOf(
    bad,
    retryable("busy", { retryAfterMs: 100 }),
    retryable("busier", { retryAfterMs: 300 }),
  );
  assert.equal(busy?.kind, "retryable");
  assert.equal(busy?.retryAfterMs, 300);
  assert.equal((await answerOf(partial("x", 2), undefined, partial("y", 5)))?.rejectedSamples, 5);
  assert.equal((await answerOf(partial("x", 2), bad))?.kind, "permanent");
  assert.equal((await answerOf(partial("x", 2), retryable("busy")))?.kind, "retryable");
});

test("a branch that throws does not keep the others from their data", async () => {
  const thrower: Consumer = {
    mutates: false,
    reserve: () => undefined,
    consume() {
      throw new TypeError("fault");
    },
  };
  const other = branch();
  await assert.rejects(createFanOut([thrower, other]).consume(fakeProfiles("a"), background), { kind: "permanent" });
  assert.equal(other.seen.length, 1);
});

const clock = new FakeClock();
const metrics = createMetrics();

function exporter(id: string, send: Send, queue: object = {}): Exporter {
  return createExporter({
    settings: testSettings(id, "exporter", metrics),
    timeoutMs: 5000,
    retry: retryField().parse({}),
    queue: queueField({ enabledByDefault: true }).parse(queue),
    send,
    clock,
    random: () => 0.5,
    join: fakeJoin,
  });
}

test("one branch fails, the other doesn't: no loss or duplicate across, and each balance is exact", async () => {
  const arrived: string[] = [];
  const healthy = exporter("healthy", async (profiles) => {
    arrived.push(namesOf(profiles));
  });
  const broken = exporter("broken", async () => {
    throw permanent("no such tenant");
  });
  const down = exporter("down", () => gate().promise, { queue_size: 50 });
  const fanOut = createFanOut([healthy, broken, down]);
  let accepted = 0;
  let refused = 0;
  for (let i = 0; i < 60; i++) {
    await fanOut.consume(fakeProfiles(`p${i}`, 3), background).then(
      () => {
        accepted += 3;
      },
      () => {
        refused += 3;
      },
    );
  }
  await settle();
  assert.deepEqual([accepted, refused], [150, 30]);
  assert.deepEqual(
    arrived,
    Array.from({ length: 50 }, (_, i) => `p${i}`),
  );
  const { value } = testSettings("x", "exporter", metrics);
  for (const [id, expected] of [
    ["healthy", [150, 0, 0]],
    ["broken", [0, 0, 150]],
    ["down", [0, 150, 0]],
  ] as const) {
    const sent = await value(`otelcol_exporter_sent_profile_samples{exporter="${id}"}`);
    const queued = await value(`flamepipe_queued_samples{component="${id}"}`);
    const dropped = await value(`flamepipe_dropped_samples_total{component="${id}",reason="permanent"}`);
    assert.deepEqual([sent, queued, dropped ?? 0], expected, id);
  }
});
