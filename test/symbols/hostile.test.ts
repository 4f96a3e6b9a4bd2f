import assert from "node:assert/strict";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type Binary, openBinary } from "../../src/symbols/binary.js";
import { bufferSource, openFileSource } from "../../src/symbols/byte-source.js";
import { InvalidBinaryError } from "../../src/symbols/invalid-binary.js";
import { cpuMs } from "../support/cpu-ms.js";
import { framesAt } from "../support/frames-at.js";
import { createRandom } from "../support/random.js";
import { tinyElf } from "../support/tiny-elf.js";
import { type TinyGoFunction, tinyGo } from "../support/tiny-go.js";

const rounds = process.env.FLAMEPIPE_TEST_LONG ? 100_000 : 4000;
const options = { maxTableBytes: 1 << 20, demangle: (name: string) => name };
const longestMs = 2000;

const functions: readonly TinyGoFunction[] = [
  {
    name: "main.main",
    size: 0x40,
    file: "/src/main.go",
    startLine: 10,
    lines: [
      [0, 10],
      [0x20, 7],
    ],
    inlined: [{ name: "main.inner", from: 0x20, to: 0x30, parentPc: 0x10, startLine: 6 }],
  },
  { name: "main.other", size: 0x20, file: "/src/main.go", startLine: 30, lines: [[0, 31]] },
];
const elf = { gnuBuildId: "00112233", symbols: [{ name: "main.main", address: 0x401000, size: 0x40 }] };
const program = tinyGo(functions, elf);
const library = tinyElf({
  gnuBuildId: "44556677",
  debugLink: { name: "x.debug", checksum: 1 },
  symbols: [{ name: "_ZN1a1bEv", address: 0x2000, size: 0x40 }],
  dynamicSymbols: [{ name: "b", address: 0x2040, size: 0x40 }],
});

/** Reads a file that may be anything: a refusal of our own is fine, whatever else is thrown is not. */
function read(bytes: Buffer): Binary | undefined {
  try {
    return openBinary(bufferSource(bytes), options);
  } catch (caught) {
    assert.ok(caught instanceof InvalidBinaryError, String((caught as Error).stack));
    return undefined;
  }
}

function lookAround(binary: Binary | undefined): void {
  for (const base of [0x401000, 0x2000]) {
    for (let offset = -16; binary && offset < 160; offset += 8) framesAt(binary, base + offset);
  }
}

describe("a hostile binary", () => {
  for (const [name, file] of [
    ["a Go program", program],
    ["a Go 1.18 program", tinyGo(functions, elf, "1.18")],
    ["a Go 1.16 program", tinyGo(functions, elf, "1.16")],
    ["a Go 1.2 program", tinyGo(functions, elf, "1.2")],
    ["a library", library],
  ] as const) {
    it(`is refused or read, never more: every prefix of ${name}`, () => {
      const step = process.env.FLAMEPIPE_TEST_LONG ? 1 : 7;
      for (let length = 0; length < file.length; length += step) lookAround(read(file.subarray(0, length)));
    });

    it(`is refused or read, never more: mutations of ${name}`, () => {
      const random = createRandom(name.length);
      const interesting = [0, 1, 0x7f, 0x80, 0xff];
      let refused = 0;
      const count = file === program || file === library ? rounds : rounds / 4;
      for (let round = 0; round < count; round++) {
        const bytes = Buffer.from(file);
        for (let i = 1 + random.int(4); i > 0; i--) {
          // Most of the file is code, which nobody reads: the tables are where it hurts.
          const at = random.chance(0.5) ? random.int(0x200) : 0x1000 + random.int(bytes.length - 0x1000);
          bytes[at] = random.chance(0.5) ? random.pick(interesting) : random.int(256);
        }
        const start = cpuMs();
        const binary = read(bytes);
        lookAround(binary);
        if (!binary) refused++;
        const tookMs = cpuMs() - start;
        assert.ok(tookMs < longestMs, `round ${round} took ${tookMs} ms`);
      }
      assert.ok(refused > 0 && refused < count, `${refused} refused`);
    });
  }

  it("of a gigabyte without content is read in no time and no memory", () => {
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-sparse-"));
    try {
      const path = join(folder, "sparse");
      const fd = openSync(path, "w");
      writeSync(fd, program);
      ftruncateSync(fd, 2 ** 30);
      closeSync(fd);
      const before = process.memoryUsage().rss;
      const start = cpuMs();
      const binary = openBinary(openFileSource(path), options);
      assert.equal(framesAt(binary, 0x401000)?.[0].name, "main.main");
      binary.close();
      assert.ok(cpuMs() - start < longestMs);
      assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("without section headers and with segments of any size is searched within a bound", () => {
    const bare = tinyElf({ withoutSections: true, text: { address: 0x1000, size: 4 * 1024 * 1024 } });
    // A segment larger than may be read is left out; one that could be is searched once.
    assert.equal(read(bare)?.functionCount, 0);
    bare.fill(Buffer.from([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]), 0x1000);
    const start = cpuMs();
    assert.equal(openBinary(bufferSource(bare), { ...options, maxTableBytes: 1 << 26 }).functionCount, 0);
    assert.ok(cpuMs() - start < longestMs);
  });
});
