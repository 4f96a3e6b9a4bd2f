import assert from "node:assert/strict";
import { test } from "node:test";
import { background, goneOf, withContext } from "../../src/component/context.js";
import { LazySignal } from "../../src/net/lazy-signal.js";

test("listeners are called once, at the end, unless they were taken off", () => {
  const gone = new LazySignal();
  const calls: string[] = [];
  const unwanted = () => calls.push("unwanted");
  gone.on(() => calls.push("first"));
  gone.on(unwanted);
  gone.on(() => calls.push("second"));
  gone.off(unwanted);
  assert.equal(gone.aborted, false);
  gone.abort();
  gone.abort();
  assert.deepEqual(calls, ["first", "second"]);
  assert.equal(gone.aborted, true);
});

test("the signal tells the same, asked for before the end or after", () => {
  const gone = new LazySignal();
  const { signal } = gone;
  assert.equal(signal.aborted, false);
  gone.abort();
  assert.equal(signal.aborted, true);
  const late = new LazySignal();
  late.abort();
  assert.equal(late.signal.aborted, true);
});

test("a context with nothing but a signal is listened to by that", () => {
  assert.equal(goneOf(background), undefined);
  const controller = new AbortController();
  const gone = goneOf(withContext(background, { signal: controller.signal }));
  let calls = 0;
  const unwanted = () => calls++;
  gone?.on(unwanted);
  gone?.off(unwanted);
  gone?.on(() => calls++);
  controller.abort();
  assert.equal(calls, 1);
  assert.equal(gone?.aborted, true);
});
