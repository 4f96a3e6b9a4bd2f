import assert from "node:assert/strict";
import { test } from "node:test";
import { createConditionLog } from "../../src/delivery/condition-log.js";
import { FakeClock } from "./support.js";

test("a condition is written when it begins and once a minute, with what was kept quiet", async () => {
  const clock = new FakeClock();
  const condition = createConditionLog(clock);
  const written: number[] = [];
  for (let second = 0; second < 130; second++) {
    condition.raise((repeats) => written.push(repeats));
    await clock.advance(1000);
  }
  assert.deepEqual(written, [0, 59, 59]);
});

test("one that comes and goes is one condition; it is over after ten quiet seconds", async () => {
  const clock = new FakeClock();
  const condition = createConditionLog(clock);
  let written = 0;
  assert.equal(condition.clear(), false);
  for (let i = 0; i < 5; i++) {
    condition.raise(() => written++);
    await clock.advance(5000);
    assert.equal(condition.clear(), false);
  }
  assert.equal(written, 1);
  await clock.advance(5000);
  assert.equal(condition.clear(), true);
  assert.equal(condition.clear(), false);
  condition.raise(() => written++);
  assert.equal(written, 2);
});
