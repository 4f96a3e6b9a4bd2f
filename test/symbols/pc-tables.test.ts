import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PcTables } from "../../src/symbols/pc-tables.js";

/** Steps as Go writes them: how the value changes from -1 on, and for how many bytes of code it holds. */
function table(...steps: readonly (readonly [delta: number, length: number])[]): number[] {
  const varint = (value: number): number[] => {
    return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
  };
  return [
    ...steps.flatMap(([delta, length]) => [...varint(delta < 0 ? -2 * delta - 1 : 2 * delta), ...varint(length)]),
    0,
  ];
}

const tables = (bytes: number[], starts: number[], quantum = 1) =>
  new PcTables(Uint8Array.from(bytes), quantum, 1, Uint32Array.from(starts));

describe("values by pc", () => {
  it("hold from one step to the next, and nowhere else", () => {
    const values = tables([0, ...table([11, 4], [-3, 0], [2, 300], [100_000, 70_000])], [1, 0]);
    const at = (pc: number) => values.valueAt(0, 0, pc);
    assert.deepEqual([0, 3, 4, 303].map(at), [10, 10, 9, 9]);
    assert.deepEqual([304, 70_303, 70_304].map(at), [100_009, 100_009, -1]);
    assert.equal(values.valueAt(1, 0, 0), -1);
  });

  it("are the same wherever a table is entered", () => {
    const steps = Array.from({ length: 1000 }, (_, i): [number, number] => [
      i % 3 === 0 ? 90 : (i % 5) - 37,
      1 + (i % 200),
    ]);
    const values = tables([0, ...table(...steps)], [1], 4);
    let value = -1;
    let pc = 0;
    const expected: [number, number][] = [];
    for (const [delta, length] of steps) {
      value += delta;
      expected.push([pc, value], [pc + 4 * length - 1, value]);
      pc += 4 * length;
    }
    assert.equal(values.valueAt(0, 0, pc), -1);
    for (const [at, found] of expected.reverse()) assert.equal(values.valueAt(0, 0, at), found, String(at));
  });

  it("end with the bytes, wherever these end", () => {
    const bytes = [0, ...table([300, 300], [70_000, 70_000], [1, 1])];
    for (let length = 0; length < bytes.length - 1; length++) {
      assert.equal(tables(bytes.slice(0, length), [1]).valueAt(0, 0, 70_300), -1, String(length));
    }
    assert.equal(tables(bytes.slice(0, -1), [1]).valueAt(0, 0, 70_300), 70_300);
    assert.equal(tables(bytes, [bytes.length]).valueAt(0, 0, 0), -1);
    assert.equal(tables(bytes, [0xffffffff]).valueAt(0, 0, 0), -1);
  });

  it("that many functions share are read within a bound, and known all the same", () => {
    const steps = Array.from({ length: 20_000 }, (): [number, number] => [1, 1]);
    const bytes = [0, ...table(...steps)];
    const functions = 10_000;
    const values = tables(bytes, new Array<number>(functions).fill(1));
    for (const place of [0, 1, functions - 1]) assert.equal(values.valueAt(place, 0, 19_999), 19_999);
    // Every eighth step is a place of 12 bytes; four steps per byte are read.
    assert.ok(values.byteSize < 8 * functions + 4 * bytes.length * 1.5 + 12 * steps.length, String(values.byteSize));
  });

  it("of a table without an end are remembered a million steps far", () => {
    const values = tables(new Array<number>(3_000_000).fill(2), [1]);
    assert.equal(values.valueAt(0, 0, 2_999_997), 1_499_998);
    assert.ok(values.byteSize <= (12 * (1024 * 1024)) / 8 + 100, String(values.byteSize));
  });
});
