import assert from "node:assert/strict";
import { test } from "node:test";
import { background, withContext } from "../../src/component/context.js";
import { Code, partial, permanent, retryable } from "../../src/component/errors.js";
import { add, rig, stateOf } from "./batcher-rig.js";
import { fakeJoin, fakeProfiles, type Gate, gate, namesOf, settle, withDeadline, withMetadata } from "./support.js";

test("senders are answered when the next stage has taken the batch, not before", async () => {
  const downstream = gate();
  const { batcher, sent } = rig({}, () => downstream.promise);
  const a = add(batcher, "a", 4);
  const b = add(batcher, "b", 6);
  await settle();
  assert.deepEqual(sent, ["a+b"]);
  assert.deepEqual([a.state, b.state], ["open", "open"]);
  downstream.open();
  await settle();
  assert.deepEqual([a.state, b.state], ["taken", "taken"]);
});

test("a batch leaves by size in samples or bytes, or by time", async () => {
  const { batcher, sent, triggers, clock } = rig({ minSamples: 10, minBytes: 5000 });
  add(batcher, "a", 9, background, 100);
  add(batcher, "b", 1, background, 100);
  add(batcher, "c", 1, background, 4999);
  add(batcher, "d", 1, background, 1);
  add(batcher, "e", 1, background, 1);
  await settle();
  assert.deepEqual(sent, ["a+b", "c+d"]);
  await clock.advance(199);
  assert.deepEqual(sent, ["a+b", "c+d"]);
  await clock.advance(1);
  assert.deepEqual(sent, ["a+b", "c+d", "e"]);
  assert.deepEqual(triggers, ["size", "size", "timeout"]);
  assert.equal(clock.timers, 0);
});

test("timeout 0 or no size at all: everything leaves at once", async () => {
  for (const options of [{ timeoutMs: 0 }, { minSamples: 0, minBytes: 0 }]) {
    const { batcher, sent, clock } = rig(options);
    add(batcher, "a");
    add(batcher, "b");
    await settle();
    assert.deepEqual(sent, ["a", "b"]);
    assert.equal(clock.timers, 0);
  }
});

test("the nearest caller's deadline brings the batch forward to 80 % of its time", async () => {
  const { batcher, sent, clock } = rig({ timeoutMs: 60_000 });
  add(batcher, "a");
  add(batcher, "b", 1, withDeadline(clock.now() + 5000));
  add(batcher, "c", 1, withDeadline(clock.now() + 9000));
  await clock.advance(3999);
  assert.deepEqual(sent, []);
  await clock.advance(1);
  assert.deepEqual(sent, ["a+b+c"]);
});

test("a deadline later than the timeout changes nothing; one in the past means now", async () => {
  const { batcher, sent, clock } = rig();
  add(batcher, "a", 1, withDeadline(clock.now() + 5000));
  await clock.advance(200);
  assert.deepEqual(sent, ["a"]);
  add(batcher, "b", 1, withDeadline(clock.now() - 1));
  await clock.advance(0);
  assert.deepEqual(sent, ["a", "b"]);
});

test("no batch is larger than the maximum; whole requests stay whole", async () => {
  const sizes: number[] = [];
  const { batcher, sent, clock } = rig({ minSamples: 8, limit: { maxSamples: 8, maxBytes: 0 } }, (_name, _ctx, n) => {
    sizes.push(n);
  });
  for (const [name, samples] of [
    ["a", 5],
    ["b", 5],
    ["c", 2],
    ["d", 20],
  ] as const)
    add(batcher, name, samples);
  await clock.advance(200);
  assert.deepEqual(sent, ["a", "b+c", "d#0", "d#1", "d#2"]);
  assert.deepEqual(sizes, [5, 7, 8, 8, 4]);
});

test("a batch that grew past the byte limit by joining is halved, not refused", async () => {
  const grow = {
    ...fakeJoin,
    merge: (b: Parameters<typeof fakeJoin.merge>[0]) => {
      const merged = fakeJoin.merge(b);
      return b.length > 2 ? fakeProfiles([namesOf(merged)], merged.sampleCount, merged.byteSize + 500) : merged;
    },
  };
  const { batcher, sent, clock } = rig({ join: grow, limit: { maxSamples: 0, maxBytes: 800 } });
  for (const name of ["a", "b", "c", "d"]) add(batcher, name, 1, background, 200);
  await clock.advance(200);
  assert.deepEqual(sent, ["a+b", "c+d"]);
});

test("a sample larger than the maximum is refused as too large; the rest of its request goes", async () => {
  const split = () => [fakeProfiles("d#0", 3, 300), fakeProfiles("d#1", 1, 900), fakeProfiles("d#2", 2, 200)];
  const { batcher, sent } = rig({ join: { ...fakeJoin, split }, limit: { maxSamples: 0, maxBytes: 400 } });
  const d = add(batcher, "d", 6, background, 1400);
  await settle();
  assert.deepEqual(sent, ["d#0", "d#2"]);
  assert.ok(typeof d.state !== "string");
  assert.equal(d.state.kind, "partial");
  assert.equal(d.state.rejectedSamples, 1);
  assert.equal(d.state.reason, "too_large");
  assert.match(d.state.message, /one sample size is greater than max size, dropping items: 1/);
});

test("a permanent error of a batch reaches only the sender of the offending data", async () => {
  const { batcher, sent } = rig({ minSamples: 5 }, (name) => {
    if (name.includes("d")) throw permanent("bad profile", { code: Code.INVALID_ARGUMENT });
  });
  const answers = ["a", "b", "c", "d", "e"].map((name) => add(batcher, name));
  await settle();
  assert.deepEqual(answers.map(stateOf), ["taken", "taken", "taken", "permanent", "taken"]);
  assert.deepEqual(sent, ["a+b+c+d+e", "a+b", "c+d+e", "c", "d+e", "d", "e"]);
});

test("a refusal of the sender itself is not bisected: all hear it", async () => {
  const { batcher, sent } = rig({ minSamples: 3 }, () => {
    throw permanent("who are you", { code: Code.UNAUTHENTICATED });
  });
  const answers = ["a", "b", "c"].map((name) => add(batcher, name));
  await settle();
  assert.deepEqual(sent, ["a+b+c"]);
  assert.deepEqual(answers.map(stateOf), ["permanent", "permanent", "permanent"]);
});

test("a retryable error reaches all senders, with its wait", async () => {
  const { batcher, sent } = rig({ minSamples: 2 }, () => {
    throw retryable("full", { retryAfterMs: 700 });
  });
  const answers = ["a", "b"].map((name) => add(batcher, name));
  await settle();
  assert.deepEqual(sent, ["a+b"]);
  for (const { state } of answers) {
    assert.ok(typeof state !== "string");
    assert.equal(state.kind, "retryable");
    assert.equal(state.retryAfterMs, 700);
  }
});

test("a partial answer is passed on to a sender alone, and counted where several share the batch", async () => {
  const { batcher, unattributed, clock } = rig({ minSamples: 2 }, () => {
    throw partial("too old", 99);
  });
  const shared = ["a", "b"].map((name) => add(batcher, name));
  await settle();
  assert.deepEqual(shared.map(stateOf), ["taken", "taken"]);
  assert.deepEqual(unattributed, [2]);
  const alone = add(batcher, "c");
  await clock.advance(200);
  assert.equal(stateOf(alone), "partial");
  assert.deepEqual(unattributed, [2]);
});

test("data that can't be joined is sent on its own", async () => {
  const merge = () => {
    throw new RangeError("dictionary is too large");
  };
  const { batcher, sent } = rig({ join: { ...fakeJoin, merge }, minSamples: 3 });
  const answers = ["a", "b", "c"].map((name) => add(batcher, name));
  await settle();
  assert.deepEqual(sent, ["a", "b", "c"]);
  assert.deepEqual(answers.map(stateOf), ["taken", "taken", "taken"]);
});

test("pieces of one request: a waiting sender hears a retryable error at once, an answered one's pieces all go", async () => {
  const second = (name: string) => {
    if (name === "a#1") throw retryable("full");
  };
  const limit = { maxSamples: 2, maxBytes: 0 };
  const waiting = rig({ limit }, second);
  const a = add(waiting.batcher, "a", 6);
  await waiting.clock.advance(200);
  assert.deepEqual(waiting.sent, ["a#0", "a#1"]);
  assert.equal(stateOf(a), "retryable");

  const early = rig({ limit, answeredEarly: true }, second);
  const b = add(early.batcher, "a", 6);
  await early.clock.advance(200);
  assert.deepEqual(early.sent, ["a#0", "a#1", "a#2"]);
  assert.ok(typeof b.state !== "string");
  assert.equal(b.state.kind, "partial");
  assert.equal(b.state.rejectedSamples, 2);
});

test("a sender that goes away takes its pending data with it", async () => {
  const { batcher, sent, clock } = rig();
  const controller = new AbortController();
  const a = add(batcher, "a", 1, withContext(background, { signal: controller.signal }));
  add(batcher, "b");
  controller.abort();
  assert.equal(stateOf(a), "retryable");
  await clock.advance(200);
  assert.deepEqual(sent, ["b"]);
});

test("a batch on its way is aborted when all of its senders are gone, not before", async () => {
  let signal: AbortSignal | undefined;
  const { batcher } = rig({ minSamples: 2 }, (_name, ctx) => {
    signal = ctx.signal;
    return new Promise(() => {});
  });
  const [first, second] = [new AbortController(), new AbortController()];
  const a = add(batcher, "a", 1, withContext(background, { signal: first.signal }));
  const b = add(batcher, "b", 1, withContext(background, { signal: second.signal }));
  first.abort();
  assert.deepEqual([a, b].map(stateOf), ["retryable", "open"]);
  assert.equal(signal?.aborted, false);
  second.abort();
  assert.equal(signal?.aborted, true);
});

test("a batch is due when the last of its senders gives up, and never if one doesn't", async () => {
  const deadlines: (number | undefined)[] = [];
  const { batcher, clock } = rig({ minSamples: 2 }, (_name, ctx) => {
    deadlines.push(ctx.deadlineMs);
  });
  add(batcher, "a", 1, withDeadline(clock.now() + 500));
  add(batcher, "b", 1, withDeadline(clock.now() + 900));
  add(batcher, "c", 1, withDeadline(clock.now() + 500));
  add(batcher, "d");
  await settle();
  assert.deepEqual(deadlines, [clock.now() + 900, undefined]);
});

test("each combination of metadata values is batched on its own, and only those keys travel on", async () => {
  const seen: [string, unknown][] = [];
  const { batcher, clock } = rig({ metadataKeys: ["tenant"] }, (name, ctx) => {
    seen.push([name, Object.fromEntries(ctx.metadata)]);
  });
  add(batcher, "a", 1, withMetadata({ tenant: ["t1"], "user-agent": ["x"] }));
  add(batcher, "b", 1, withMetadata({ tenant: ["t2"] }));
  add(batcher, "c", 1, withMetadata({ tenant: ["t1"], "user-agent": ["y"] }));
  add(batcher, "d", 1, withMetadata({ tenant: [""] }));
  add(batcher, "e", 1, withMetadata({}));
  add(batcher, "f", 1, withMetadata({ tenant: ["t1", "t2"] }));
  await clock.advance(200);
  assert.deepEqual(seen, [
    ["a+c", { tenant: ["t1"] }],
    ["b", { tenant: ["t2"] }],
    ["d", { tenant: [""] }],
    ["e", {}],
    ["f", { tenant: ["t1", "t2"] }],
  ]);
});

test("combinations past the limit are refused for good, until one has been idle for ten minutes", async () => {
  const { batcher, clock } = rig({ metadataKeys: ["tenant"], metadataCardinalityLimit: 2 });
  const tenant = (name: string) => add(batcher, name, 1, withMetadata({ tenant: [name] }));
  tenant("t1");
  tenant("t2");
  await clock.advance(200);
  const third = tenant("t3");
  assert.ok(typeof third.state !== "string");
  assert.equal(third.state.kind, "permanent");
  assert.equal(third.state.message, "too many batcher metadata-value combinations");
  assert.equal(batcher.partitions(), 2);
  await clock.advance(600_000);
  assert.equal(tenant("t3").state, "open");
  assert.equal(batcher.partitions(), 2);
});

test("without a limit, combinations are forgotten when they are idle", async () => {
  const { batcher, clock } = rig({ metadataKeys: ["tenant"] });
  for (let i = 0; i < 50; i++) add(batcher, `t${i}`, 1, withMetadata({ tenant: [`t${i}`] }));
  assert.equal(batcher.partitions(), 50);
  await clock.advance(200);
  assert.equal(batcher.partitions(), 0);
});

test("while all batches on their way are slow, what arrives gathers up to the maximum", async () => {
  const gates: Gate[] = [];
  const { batcher, sent, clock } = rig({ concurrency: 1, minSamples: 2, limit: { maxSamples: 4, maxBytes: 0 } }, () => {
    gates.push(gate());
    return gates[gates.length - 1].promise;
  });
  for (const name of ["a", "b", "c", "d", "e", "f", "g"]) add(batcher, name);
  await clock.advance(1000);
  assert.deepEqual(sent, ["a+b"]);
  gates[0].open();
  await settle();
  assert.deepEqual(sent, ["a+b", "c+d+e+f"]);
  gates[1].open();
  await settle();
  assert.deepEqual(sent, ["a+b", "c+d+e+f", "g"]);
});

test("one busy combination does not starve another", async () => {
  const gates: Gate[] = [];
  const { batcher, sent } = rig(
    { concurrency: 1, minSamples: 1, metadataKeys: ["t"], limit: { maxSamples: 1, maxBytes: 0 } },
    () => {
      gates.push(gate());
      return gates[gates.length - 1].promise;
    },
  );
  for (const name of ["a", "b", "c"]) add(batcher, name, 1, withMetadata({ t: ["busy"] }));
  add(batcher, "x", 1, withMetadata({ t: ["calm"] }));
  for (let i = 0; i < 3; i++) {
    gates[i].open();
    await settle();
  }
  assert.deepEqual(sent, ["a", "b", "x", "c"]);
});

test("room reserved by pending data is given back in the tick in which the batch is handed on", async () => {
  let held = 3;
  const reserved = () => withContext(background, { reservation: { release: () => void held-- } });
  const seen: unknown[] = [];
  const { batcher } = rig({ minSamples: 3 }, (_name, ctx) => {
    seen.push([held, ctx.reservation !== undefined]);
    ctx.reservation?.release();
  });
  add(batcher, "a", 1, reserved());
  add(batcher, "b", 1, reserved());
  assert.equal(held, 3);
  add(batcher, "c", 1, reserved());
  // The first one's room travels with the batch, so that the queue lets it in.
  assert.deepEqual(seen, [[1, true]]);
});

test("drain sends what is pending at once and waits for the answers", async () => {
  const downstream = gate();
  const { batcher, sent, clock } = rig({}, () => downstream.promise);
  const a = add(batcher, "a");
  let drained = false;
  const done = batcher.drain().then(() => {
    drained = true;
  });
  await settle();
  assert.deepEqual(sent, ["a"]);
  assert.equal(drained, false);
  downstream.open();
  await done;
  assert.equal(a.state, "taken");
  assert.equal(clock.timers, 0);
});

test("abandon and giveUp leave nobody without an answer", async () => {
  const { batcher } = rig({ minSamples: 2 }, () => new Promise(() => {}));
  const answers = ["a", "b", "c"].map((name) => add(batcher, name));
  const stop = retryable("stop", { reason: "shutdown" });
  batcher.abandon(stop);
  assert.deepEqual(answers.map(stateOf), ["open", "open", "retryable"]);
  const drained = batcher.drain();
  batcher.giveUp(stop);
  await drained;
  assert.deepEqual(answers.map(stateOf), ["retryable", "retryable", "retryable"]);
});
