import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Binary, openBinary } from "../../src/symbols/binary.js";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { cpuMs } from "../support/cpu-ms.js";
import { framesAt, framesOf } from "../support/frames-at.js";
import { type TinyGoFunction, tinyGo } from "../support/tiny-go.js";

const text = 0x401000;
const mib = 1024 * 1024;
const longestMs = 2000;

const options = { maxTableBytes: 256 * mib, demangle: (name: string) => name };
const open = (functions: readonly TinyGoFunction[]): Binary => openBinary(bufferSource(tinyGo(functions)), options);

const plain = { name: "main.main", size: 64, file: "/src/main.go", startLine: 1 };

describe("Go's line table", () => {
  it("has more frames for its addresses than there is room for at first", () => {
    const inlined = Array.from({ length: 10 }, (_, i) => ({
      name: `inner${i}`,
      from: i,
      to: 64,
      parentPc: i - 1,
      startLine: 1,
    }));
    const binary = open([{ ...plain, lines: [[0, 1]], inlined }]);
    const addresses = Array.from({ length: 1000 }, (_, i) => text + (i % 64));
    const names = framesOf(binary.framesAt(addresses)).map((frames) => frames?.map(({ name }) => name));
    for (const [i, found] of names.entries()) {
      const depth = Math.min((i % 64) + 1, 10);
      assert.deepEqual(found, [
        ...inlined
          .slice(0, depth)
          .reverse()
          .map(({ name }) => name),
        "main.main",
      ]);
    }
  });

  it("is asked for so many addresses at once and no more", () => {
    const binary = open([{ ...plain, lines: [[0, 7]] }]);
    const addresses = new Float64Array(65_536).fill(text);
    assert.ok(framesOf(binary.framesAt(addresses)).every((frames) => frames?.[0].line === 7));
    assert.throws(() => binary.framesAt(new Float64Array(65_537)), RangeError);
  });

  it("that many functions share is read within a bound, and known all the same", () => {
    const steps = 4000;
    const lines = Array.from({ length: steps }, (_, i): [number, number] => [i, 1 + i]);
    const functions = Array.from({ length: 5000 }, (_, i) => ({ ...plain, name: `f${i}`, size: steps, lines }));
    const file = tinyGo(functions);
    const start = cpuMs();
    const binary = openBinary(bufferSource(file), options);
    assert.ok(cpuMs() - start < longestMs, `${cpuMs() - start} ms`);
    for (const place of [0, 1, 4999]) {
      const [frame] = framesAt(binary, text + steps * place + 3999) ?? [];
      assert.deepEqual([frame?.name, frame?.line], [`f${place}`, 4000]);
    }
    // All of their places would take 2.7 MB.
    assert.ok(binary.byteSize < 2 * 5000 * 100, String(binary.byteSize));
  });

  it("of steps without length is not read over and over", () => {
    const lines = Array.from({ length: 900_000 }, (_, i): [number, number] => [0, 1 + (i % 2)]);
    const binary = open([{ ...plain, lines: [...lines, [32, 5]] }]);
    assert.equal(framesAt(binary, text + 40)?.[0].line, 5);
    const start = cpuMs();
    const found = framesOf(binary.framesAt(Array.from({ length: 4096 }, (_, i) => text + (i % 64))));
    assert.ok(cpuMs() - start < longestMs, `${cpuMs() - start} ms`);
    // From some address on there is no answer any more.
    const named = found.filter((frames) => frames !== null).length;
    assert.ok(named > 0 && named < 4096, String(named));
  });

  it("with more text than any program has answers with a part of it", () => {
    const functions = Array.from({ length: 5000 }, (_, i) => ({
      ...plain,
      name: `${i} ${"long".repeat(2500)}`,
      lines: [[0, 1]] as const,
    }));
    const binary = open(functions);
    const { texts, ranges } = binary.framesAt(functions.map((_, i) => text + 64 * i));
    assert.ok(texts.bytes.length > 32 * mib && texts.bytes.length < 33 * mib, String(texts.bytes.length));
    const named = ranges.filter((count, i) => i % 2 === 1 && count === 1).length;
    // Each is cut at 8 KiB, and there is a file.
    assert.equal(named, (32 * mib) / 8192);
    assert.equal(framesAt(binary, text + 64 * 4999)?.[0].name.slice(0, 9), "4999 long");
  });

  it("is forgotten with its binary", () => {
    const bytes = tinyGo([{ ...plain, name: "x".repeat(8 * mib), lines: [[0, 1]] }]);
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 100; i++) {
      const binary = openBinary(bufferSource(bytes), options);
      assert.equal(framesAt(binary, text)?.[0].name.length, 8192);
      binary.close();
    }
    const grown = (process.memoryUsage().rss - before) / mib;
    assert.ok(grown < 200, `${grown} MiB`);
  });
});
