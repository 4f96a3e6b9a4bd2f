import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { KnownBinary } from "../../../processors/symbolize/known-binary.js";
import { type BinaryOutcome, Names } from "../../../processors/symbolize/names.js";
import type { Answer, Request, Target } from "../../../processors/symbolize/protocol.js";
import { type SourceFault, SymbolSourceError } from "../../../processors/symbolize/symbol-source.js";
import { createFakeClock } from "../../support/fake-clock.js";
import { columnsOf } from "../../support/frames-at.js";

const range = { start: 0, limit: 0, fileOffset: 0 };
const target = (key: string, pids: number[] = [1]): Target => {
  return { key, gnu: "aa", go: "", htlhash: "", file: key, executable: "", pids, startTicks: "" };
};

/** The name of the function at an address. */
function nameIn(known: KnownBinary | undefined, address: number): string | undefined {
  const place = known?.placeOf(address);
  if (!known || !place) return undefined;
  const last = known.frameCount(place) - 1;
  return known.texts[known.functions.numbers[4 * known.functionOf(place, last)]];
}

type Asked = Omit<Request, "id">;

function namesWith(answer: (asked: Asked) => Partial<Answer> | SourceFault, cacheBytes = 1 << 20) {
  const clock = createFakeClock();
  const asked: Asked[] = [];
  const outcomes: [BinaryOutcome, boolean][] = [];
  const names = new Names({
    clock,
    cacheBytes,
    negativeTtlMs: 60_000,
    asked: (outcome, _target, _reason, isNew) => void outcomes.push([outcome, isNew]),
    source: {
      async request(request) {
        asked.push(request);
        const given = answer(request);
        if (typeof given === "string") throw new SymbolSourceError(given);
        const frames = request.addresses.map((each) => [
          { name: `f${each}`, systemName: "", file: "", line: 0, startLine: 0 },
        ]);
        const found = { outcome: "found", identity: request.target.key, segments: [], isStripped: false };
        return { ...found, columns: columnsOf(frames), ...given } as Answer;
      },
      close: async () => {},
    },
  });
  const ask = async (key: string, addresses: number[], pids?: number[]) => {
    await names.lookUp(target(key, pids), addresses, range).pending;
    return addresses.map((address) => nameIn(names.known(key), address));
  };
  return { names, clock, asked, outcomes, ask };
}

describe("names of addresses", () => {
  it("are asked for once at a time, and only those that are missing", async () => {
    const { names, asked, ask } = namesWith(() => ({}));
    const first = names.lookUp(target("a"), [1, 2], range);
    const second = names.lookUp(target("a"), [2, 3], range);
    assert.equal(first.pending, second.pending);
    await first.pending;
    assert.equal(asked.length, 1);
    assert.deepEqual(await ask("a", [2, 3]), ["f2", "f3"]);
    assert.deepEqual(
      asked.map(({ addresses }) => addresses),
      [[1, 2], [3]],
    );
    assert.equal(names.lookUp(target("a"), [1, 2, 3], range).pending, undefined);
  });

  it("are not asked for again where the binary was not found, until time has passed", async () => {
    const { clock, asked, ask } = namesWith(() => ({ outcome: "not_found", reason: "" }));
    for (let i = 0; i < 5; i++) await ask("a", [1]);
    assert.equal(asked.length, 1);
    clock.advance(59_999);
    await ask("a", [1]);
    assert.equal(asked.length, 1);
    clock.advance(1);
    await ask("a", [1]);
    assert.equal(asked.length, 2);
  });

  it("are asked for at once where another process has the binary, at most 64 times", async () => {
    const { asked, ask } = namesWith(() => ({ outcome: "not_found", reason: "" }));
    for (let pid = 1; pid <= 200; pid++) await ask("a", [1], [pid]);
    assert.equal(asked.length, 64);
  });

  it("are left alone for ten minutes where the binary ended the process that read it", async () => {
    for (const fault of ["timeout", "memory", "crashed"] as const) {
      const { clock, asked, outcomes, ask } = namesWith(() => fault);
      await ask("a", [1]);
      await ask("a", [1], [2]);
      clock.advance(599_999);
      await ask("a", [1], [3]);
      assert.equal(asked.length, 1);
      clock.advance(1);
      await ask("a", [1]);
      assert.equal(asked.length, 2);
      assert.deepEqual(outcomes, [
        [fault, true],
        [fault, false],
      ]);
    }
  });

  it("are asked for with the next batch where the source had no time", async () => {
    for (const fault of ["busy", "unavailable", "closed"] as const) {
      const { asked, outcomes, ask } = namesWith(() => fault);
      await ask("a", [1]);
      await ask("a", [1]);
      assert.equal(asked.length, 2);
      assert.deepEqual(outcomes, []);
    }
  });

  it("tell when a binary's state changes", async () => {
    let here = false;
    const { clock, outcomes, ask } = namesWith(() => (here ? {} : { outcome: "not_found", reason: "" }));
    await ask("a", [1]);
    clock.advance(60_000);
    await ask("a", [1]);
    clock.advance(60_000);
    here = true;
    await ask("a", [1]);
    await ask("a", [2]);
    assert.deepEqual(outcomes, [
      ["not_found", true],
      ["not_found", false],
      ["found", true],
      ["found", false],
    ]);
  });

  it("are looked for anew where symbols were stripped, when time has passed", async () => {
    const { clock, asked, ask } = namesWith(() => ({ isStripped: true }));
    await ask("a", [1]);
    clock.advance(59_999);
    await ask("a", [1]);
    assert.equal(asked.length, 1);
    clock.advance(1);
    assert.deepEqual(await ask("a", [1]), ["f1"]);
    assert.equal(asked.length, 2);
  });

  it("take no more memory than they may, and those of the binary that was asked for last stay", async () => {
    const maxBytes = 100_000;
    const { names, ask } = namesWith(() => ({}), maxBytes);
    for (let binary = 0; binary < 100; binary++) {
      await ask(
        `b${binary}`,
        Array.from({ length: 20 }, (_, i) => i + 1),
      );
      assert.ok(names.cache.bytes <= maxBytes);
    }
    assert.notEqual(names.known("b99"), undefined);
    assert.equal(names.known("b0"), undefined);
    // More than fits is not kept at all.
    await ask(
      "large",
      Array.from({ length: 4000 }, (_, i) => i),
    );
    assert.equal(names.known("large"), undefined);
    assert.equal(names.cache.bytes, 0);
  });

  it("of binaries past the 8,192nd push the oldest out", async () => {
    const { asked, ask } = namesWith(() => ({ outcome: "not_found", reason: "" }));
    for (let i = 0; i <= 8192; i++) await ask(`b${i}`, [1]);
    await ask("b8192", [1]);
    assert.equal(asked.length, 8193);
    await ask("b0", [1]);
    assert.equal(asked.length, 8194);
  });
});
