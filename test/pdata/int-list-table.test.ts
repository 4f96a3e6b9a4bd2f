import assert from "node:assert/strict";
import { test } from "node:test";
import { IntListTable } from "../../src/pdata/int-list-table.js";
import { cpuMs } from "../support/cpu-ms.js";

/** Triples of indices below 10,000 with equal 961a + 31b + c: a sender's choice, were the hash a sum that it knows. */
function chosenTriples(count: number): number[][] {
  const triples: number[][] = [];
  for (let a = 0; triples.length < count; a++) {
    for (let b = 0; b < 10_000 && triples.length < count; b++) {
      const c = 300_000 - 961 * a - 31 * b;
      if (c >= 0 && c < 10_000) triples.push([a, b, c]);
    }
  }
  return triples;
}

test("lists that a sender chose to collide are found as fast as others", () => {
  const triples = chosenTriples(60_000);
  const table = new IntListTable();
  const started = cpuMs();
  for (const [number, triple] of triples.entries()) assert.equal(table.addList(triple), number);
  for (const [number, triple] of triples.entries()) assert.equal(table.addList(triple), number);
  // Quadratic it would be half a minute.
  assert.ok(cpuMs() - started < 4000);
});

test("equal lists have one number, in order of arrival, whatever their length", () => {
  const table = new IntListTable();
  const lists = [[1], [], [1, 2], [2, 1], [0], [0, 0], [1, 0], [0, 1]];
  for (const [number, list] of lists.entries()) assert.equal(table.addList(list), number);
  for (const [number, list] of lists.entries()) assert.equal(table.addList(list), number);
  assert.equal(table.addEmpty(), 1);
  assert.deepEqual(
    table.lists().map((list) => [...list]),
    lists,
  );
});
