import assert from "node:assert/strict";
import { test } from "node:test";
import { background, type Context, withContext } from "../../src/component/context.js";
import { Code, type PipelineError, partial, permanent, retryable } from "../../src/component/errors.js";
import { retryField } from "../../src/delivery/config.js";
import { createRetry } from "../../src/delivery/retry.js";
import { createAttempts } from "../../src/delivery/timeout.js";
import { FakeClock, fakeProfiles, type LogLine, recordingLog, settle, withDeadline } from "./support.js";

function rig(answers: (Error | undefined)[], config: object = {}, random = 0.5) {
  const clock = new FakeClock();
  const lines: LogLine[] = [];
  const tries: number[] = [];
  const startMs = clock.now();
  const retry = createRetry(
    async () => {
      tries.push(clock.now() - startMs);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer) throw answer;
    },
    { config: retryField().parse(config), clock, random: () => random, log: recordingLog(lines) },
  );
  const start = (ctx: Context = background) => {
    const outcome: { error?: PipelineError; done: boolean } = { done: false };
    retry.send(fakeProfiles("a"), ctx).then(
      () => {
        outcome.done = true;
      },
      (error) => {
        outcome.error = error;
        outcome.done = true;
      },
    );
    return outcome;
  };
  return { clock, lines, tries, retry, start };
}

test("the interval grows by the multiplier up to its maximum", async () => {
  const { clock, tries, start } = rig([retryable("down")], { max_elapsed_time: 0 });
  start();
  await clock.advance(90_000);
  assert.deepEqual(tries, [0, 5000, 12_500, 23_750, 40_625, 65_937.5]);
});

test("the jitter spreads each wait over interval x (1 ± randomization_factor)", async () => {
  for (const [random, waitMs] of [
    [0, 2500],
    [0.75, 6250],
  ]) {
    const { clock, tries, start } = rig([retryable("down"), undefined], {}, random);
    start();
    await clock.advance(10_000);
    assert.equal(tries[1], waitMs);
  }
});

test("a backend's Retry-After is the least wait", async () => {
  const { clock, tries, start } = rig([retryable("slow down", { retryAfterMs: 20_000 }), undefined]);
  const outcome = start();
  await clock.advance(19_999);
  assert.deepEqual(tries, [0]);
  await clock.advance(1);
  assert.deepEqual(tries, [0, 20_000]);
  assert.deepEqual(outcome, { done: true });
});

test("gives up when the next attempt would begin after max_elapsed_time; the backend's status stays", async () => {
  const busy = retryable("busy", { code: Code.RESOURCE_EXHAUSTED, httpStatus: 429, retryAfterMs: 7000 });
  const { clock, tries, start } = rig([busy], { max_elapsed_time: "30s" });
  const outcome = start();
  await clock.advance(60_000);
  assert.deepEqual(tries, [0, 7000, 14_500, 25_750]);
  assert.equal(outcome.error?.message, "no more retries left: busy");
  assert.equal(outcome.error?.kind, "retryable");
  assert.equal(outcome.error?.code, Code.RESOURCE_EXHAUSTED);
  assert.equal(outcome.error?.httpStatus, 429);
  assert.equal(outcome.error?.reason, "retries_exhausted");
});

test("does not wait past the caller's deadline", async () => {
  const { clock, tries, start } = rig([retryable("down")]);
  const outcome = start(withDeadline(clock.now() + 4000));
  await settle();
  assert.deepEqual(tries, [0]);
  assert.equal(outcome.error?.message, "request will be cancelled before next retry: down");
  assert.equal(clock.timers, 0);
});

test("permanent and partial answers are final", async () => {
  const refused = rig([permanent("malformed", { code: Code.INVALID_ARGUMENT })]);
  const outcome = refused.start();
  await refused.clock.advance(60_000);
  assert.deepEqual(refused.tries, [0]);
  assert.equal(outcome.error?.message, "not retryable error: malformed");
  assert.equal(outcome.error?.code, Code.INVALID_ARGUMENT);

  const some = rig([partial("two too old", 2)]);
  const partly = some.start();
  await some.clock.advance(60_000);
  assert.deepEqual(some.tries, [0]);
  assert.equal(partly.error?.kind, "partial");
  assert.equal(partly.error?.rejectedSamples, 2);
});

test("a caller that goes away ends the wait", async () => {
  const { clock, tries, start } = rig([retryable("down")]);
  const controller = new AbortController();
  const outcome = start(withContext(background, { signal: controller.signal }));
  await settle();
  controller.abort();
  await settle();
  assert.equal(outcome.error?.code, Code.CANCELLED);
  await clock.advance(60_000);
  assert.deepEqual(tries, [0]);
});

test("stopped: waits end now, and what comes later is tried once", async () => {
  const { clock, tries, retry, start } = rig([retryable("down")]);
  const waiting = start();
  await settle();
  retry.stop();
  await settle();
  assert.equal(waiting.error?.message, "shutting down: down");
  assert.equal(waiting.error?.reason, "shutdown");
  const late = start();
  await settle();
  assert.equal(late.error?.reason, "shutdown");
  assert.deepEqual(tries, [0, 0]);
  assert.equal(clock.timers, 0);
});

test("the log names the first of a row of failures, and reminds once a minute", async () => {
  const { clock, lines, start } = rig([retryable("down")], { max_elapsed_time: 0 });
  start();
  await clock.advance(40_000);
  const [line] = lines;
  assert.deepEqual(lines, [
    {
      level: "info",
      message: "Exporting failed. Will retry the request after interval.",
      fields: { error: "down", interval: "5000ms", repeats: 0 },
    },
  ]);
  await clock.advance(30_000);
  assert.equal(lines.length, 2);
  assert.equal(lines[1].message, line.message);
  assert.equal(lines[1].fields.repeats, 4);
});

test("an attempt ends at its timeout even if the transport never settles", async () => {
  const clock = new FakeClock();
  let signal: AbortSignal | undefined;
  const attempts = createAttempts(
    (_profiles, ctx) => {
      signal = ctx.signal;
      return new Promise(() => {});
    },
    5000,
    clock,
  );
  const outcome = assert.rejects(attempts.send(fakeProfiles("a"), background), {
    kind: "retryable",
    code: Code.DEADLINE_EXCEEDED,
    message: "context deadline exceeded",
  });
  await clock.advance(4999);
  assert.equal(signal?.aborted, false);
  await clock.advance(1);
  await outcome;
  assert.equal(signal?.aborted, true);
});

test("a batch may be sent as many requests, and batches at a time: Node.js warns of no leak", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  try {
    for (const timeoutMs of [0, 5000]) {
      const attempts = createAttempts(
        async (_profiles, { signal }) => {
          for (let request = 0; request < 16; request++) signal?.addEventListener("abort", () => {}, { once: true });
        },
        timeoutMs,
        new FakeClock(),
      );
      await attempts.send(fakeProfiles("a"), background);
    }
    // Warnings are emitted on the next tick.
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("warning", onWarning);
  }
  assert.deepEqual(warnings, []);
});

test("an attempt knows the earlier of its own and the caller's deadline, and leaves no timer behind", async () => {
  const clock = new FakeClock();
  const deadlines: (number | undefined)[] = [];
  const attempts = createAttempts(
    async (_profiles, ctx) => {
      deadlines.push(ctx.deadlineMs);
    },
    5000,
    clock,
  );
  await attempts.send(fakeProfiles("a"), background);
  await attempts.send(fakeProfiles("a"), withDeadline(clock.now() + 100));
  assert.deepEqual(deadlines.splice(0), [clock.now() + 5000, clock.now() + 100]);
  const unlimited = createAttempts(
    async (_profiles, ctx) => {
      deadlines.push(ctx.deadlineMs);
    },
    0,
    clock,
  );
  await unlimited.send(fakeProfiles("a"), background);
  assert.deepEqual(deadlines, [undefined]);
  assert.equal(clock.timers, 0);
});
