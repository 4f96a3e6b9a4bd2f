import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createByteBudget } from "../../src/net/byte-budget.js";

describe("byte budget", () => {
  it("grants up to its size and no more", () => {
    const budget = createByteBudget(100);
    assert.equal(budget.tryAcquire(60), true);
    assert.equal(budget.tryAcquire(41), false);
    assert.equal(budget.tryAcquire(40), true);
    assert.equal(budget.tryAcquire(1), false);
    budget.release(60);
    assert.equal(budget.usedBytes, 40);
    assert.equal(budget.tryAcquire(60), true);
  });

  it("serves those who wait in order; nobody passes them", async () => {
    const budget = createByteBudget(100);
    assert.equal(await budget.acquire(90), true);
    const order: string[] = [];
    const large = budget.acquire(80).then(() => order.push("large"));
    const small = budget.acquire(5).then(() => order.push("small"));
    assert.equal(budget.tryAcquire(5), false);
    budget.release(90);
    await Promise.all([large, small]);
    assert.deepEqual(order, ["large", "small"]);
    assert.equal(budget.usedBytes, 85);
  });

  it("refuses what can never be granted, and a line that is too long", async () => {
    const budget = createByteBudget(100, 1);
    assert.equal(await budget.acquire(101), false);
    assert.equal(await budget.acquire(100), true);
    const waiting = budget.acquire(1);
    assert.equal(await budget.acquire(1), false);
    budget.release(100);
    assert.equal(await waiting, true);
  });
});
