import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { BaselineTooLargeError, deltaPprof, type PprofBaseline } from "../../src/codec/pprof-delta.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { loadProto } from "../../src/proto/load.js";
import { decodePprof, pprofMeaning } from "../support/pprof-oracle.js";

const isCumulative = (type: string) => type.startsWith("alloc") || type === "contentions" || type === "delay";
const options = { isCumulative, maxBaselineBytes: 1e9 };
const recorded = (name: string) => gunzipSync(readFileSync(`test/fixtures/wire/net-http-pprof/${name}.pb.gz`));

interface Row {
  /** Function names, leaf first. */
  stack: string[];
  values: bigint[];
  labels?: Record<string, string | number>;
}

/** A pprof; `shift` changes all ids and string indices. */
function pprof(types: string[], rows: Row[], { shift = 0, time = 0n }: { shift?: number; time?: bigint } = {}): Buffer {
  const strings = ["", ...Array.from({ length: shift }, (_, i) => `unused ${i}`)];
  const text = (value: string) => {
    if (!strings.includes(value)) strings.push(value);
    return strings.indexOf(value);
  };
  const names = [...new Set(rows.flatMap(({ stack }) => stack))].sort((a, b) =>
    shift ? (a < b ? 1 : -1) : a < b ? -1 : 1,
  );
  const id = (name: string) => names.indexOf(name) + 1 + shift;
  const type = loadProto("pprof.proto").lookupType("perftools.profiles.Profile");
  const message = {
    sample_type: types.map((each) => ({ type: text(each), unit: text("count") })),
    sample: rows.map(({ stack, values, labels = {} }) => ({
      location_id: stack.map(id),
      value: values.map(String),
      label: Object.entries(labels).map(([key, value]) =>
        typeof value === "string" ? { key: text(key), str: text(value) } : { key: text(key), num: value },
      ),
    })),
    location: names.map((name) => ({ id: id(name), address: 0, line: [{ function_id: id(name), line: 7 }] })),
    function: names.map((name) => ({ id: id(name), name: text(name) })),
    time_nanos: String(time),
    string_table: strings,
  };
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

function baselineOf(bytes: Buffer): PprofBaseline {
  const first = deltaPprof(bytes, undefined, options);
  assert.ok(first);
  assert.equal(first.bytes, undefined);
  return first.baseline;
}

/** Stacks with their labels, and the values, of the difference. */
function difference(before: Buffer, after: Buffer): { rows: [string, bigint[]][]; reset: boolean } {
  const delta = deltaPprof(after, baselineOf(before), options);
  assert.ok(delta?.bytes);
  const { samples } = pprofMeaning(delta.bytes);
  const rows = [...samples].map(([key, values]): [string, bigint[]] => {
    const names = [...key.matchAll(/ (\w+)\|\|/g)].map(([, name]) => name);
    return [[...names, ...key.split("--\n").slice(1)].filter(Boolean).join(" "), values];
  });
  return { rows: rows.sort(), reset: delta.reset };
}

describe("difference of two pprofs", () => {
  it("of the recorded ones has the difference of their totals, and the time between them", () => {
    const [before, after] = [recorded("allocs-1"), recorded("allocs-2")];
    const delta = deltaPprof(after, baselineOf(before), options);
    assert.ok(delta?.bytes);
    const meaning = pprofMeaning(delta.bytes);
    assert.deepEqual(meaning.totals, {
      "alloc_objects/count": 7_303_221n,
      "alloc_space/bytes": 896_837_001n,
      "inuse_objects/count": 2521n,
      "inuse_space/bytes": 524_392n,
    });
    assert.deepEqual([meaning.time, meaning.duration], ["1795353744910471195", "10242322545"]);
    assert.equal(delta.reset, false);
    assert.ok([...meaning.samples.values()].every((values) => values.every((value) => value >= 0n)));
  });

  it("finds a stack again though all ids and string indices changed", () => {
    const rows = (a: bigint, b: bigint) => [
      { stack: ["f", "main"], values: [a] },
      { stack: ["g", "main"], values: [b] },
    ];
    const { rows: found } = difference(
      pprof(["contentions"], rows(10n, 5n)),
      pprof(["contentions"], rows(13n, 5n).reverse(), { shift: 90 }),
    );
    assert.deepEqual(found, [["f main", [3n]]]);
  });

  it("is exact past 2^53", () => {
    const large = 2n ** 62n + 1n;
    const { rows } = difference(
      pprof(["delay"], [{ stack: ["f"], values: [large] }]),
      pprof(["delay"], [{ stack: ["f"], values: [large + 3n] }]),
    );
    assert.deepEqual(rows, [["f", [3n]]]);
  });

  it("tells stacks apart by their order, their labels and the numbers of these", () => {
    const rows = (add: bigint): Row[] => [
      { stack: ["f", "g"], values: [1n + add] },
      { stack: ["g", "f"], values: [1n + 2n * add] },
      { stack: ["f"], values: [1n + 3n * add], labels: { bytes: 16 } },
      { stack: ["f"], values: [1n + 4n * add], labels: { bytes: 32 } },
      { stack: ["f"], values: [1n + 5n * add], labels: { k: "v" } },
    ];
    const { rows: found } = difference(pprof(["contentions"], rows(0n)), pprof(["contentions"], rows(10n)));
    assert.deepEqual(found.map(([, [value]]) => value).sort(), [10n, 20n, 30n, 40n, 50n]);
  });

  it("adds up samples that say the same, and leaves out those in which nothing happened", () => {
    const types = ["alloc_space", "inuse_space"];
    const { rows } = difference(
      pprof(types, [
        { stack: ["f"], values: [4n, 1n] },
        { stack: ["h"], values: [9n, 9n] },
      ]),
      pprof(types, [
        { stack: ["f"], values: [3n, 1n] },
        { stack: ["f"], values: [2n, 1n] },
        { stack: ["h"], values: [9n, 0n] },
        { stack: ["new"], values: [7n, 0n] },
      ]),
    );
    assert.deepEqual(rows, [
      ["f", [1n, 2n]],
      ["new", [7n, 0n]],
    ]);
  });

  it("is all that there is when a value fell", () => {
    const { rows, reset } = difference(
      pprof(
        ["contentions"],
        [
          { stack: ["f"], values: [10n] },
          { stack: ["g"], values: [1n] },
        ],
      ),
      pprof(
        ["contentions"],
        [
          { stack: ["f"], values: [9n] },
          { stack: ["g"], values: [5n] },
        ],
      ),
    );
    assert.deepEqual(
      [rows, reset],
      [
        [
          ["f", [9n]],
          ["g", [5n]],
        ],
        true,
      ],
    );
  });

  it("is all that there is when a stack is gone, unless nothing was counted there", () => {
    const row = (stack: string, value: bigint): Row => ({ stack: [stack], values: [value] });
    const after = pprof(["contentions"], [row("f", 9n)]);
    assert.deepEqual(difference(pprof(["contentions"], [row("f", 4n), row("g", 1n)]), after), {
      rows: [["f", [9n]]],
      reset: true,
    });
    assert.deepEqual(difference(pprof(["contentions"], [row("f", 4n), row("g", 0n)]), after), {
      rows: [["f", [5n]]],
      reset: false,
    });
  });

  it("begins anew where the sample types changed, and there is none where nothing counts up", () => {
    const before = baselineOf(pprof(["contentions"], [{ stack: ["f"], values: [1n] }]));
    const other = pprof(["contentions", "delay"], [{ stack: ["f"], values: [1n, 1n] }]);
    assert.equal(deltaPprof(other, before, options)?.bytes, undefined);
    assert.equal(deltaPprof(recorded("goroutine"), undefined, options), undefined);
  });

  it("keeps everything else of the pprof", () => {
    const [before, after] = [recorded("allocs-1"), recorded("allocs-2")];
    const delta = deltaPprof(after, baselineOf(before), options);
    assert.ok(delta?.bytes);
    const { sample: _a, time_nanos: _b, duration_nanos: _c, ...kept } = decodePprof(delta.bytes);
    const { sample: _d, time_nanos: _e, duration_nanos: _f, ...expected } = decodePprof(after);
    assert.deepEqual(kept, expected);
  });

  it("takes no more memory than allowed", () => {
    const bytes = recorded("allocs-2");
    const { byteSize } = baselineOf(bytes);
    assert.ok(byteSize < 48 * 60, String(byteSize));
    assert.throws(
      () => deltaPprof(bytes, undefined, { ...options, maxBaselineBytes: byteSize - 1 }),
      BaselineTooLargeError,
    );
  });

  it("refuses every prefix and mutation that is broken, and never fails otherwise", () => {
    const bytes = recorded("block-2");
    const before = baselineOf(recorded("block-1"));
    let refused = 0;
    const attempt = (input: Buffer) => {
      try {
        deltaPprof(input, before, options);
      } catch (error) {
        if (!(error instanceof InvalidProfilesError)) throw error;
        refused++;
      }
    };
    for (let end = 0; end < bytes.length; end++) attempt(bytes.subarray(0, end));
    assert.ok(refused > bytes.length / 2, String(refused));
    for (let at = 0; at < bytes.length; at++) {
      const mutated = Buffer.from(bytes);
      mutated[at] ^= 0xff;
      attempt(mutated);
    }
  });
});
