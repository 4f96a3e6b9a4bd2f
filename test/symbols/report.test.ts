import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bufferSource } from "../../src/symbols/byte-source.js";
import { unwindStarts } from "../../src/symbols/eh-frame.js";
import { parseElf } from "../../src/symbols/elf.js";
import { goVersionOf } from "../../src/symbols/go-build-info.js";
import { reportOf } from "../../src/symbols/report.js";
import { type TinyElf, type TinySection, tinyElf } from "../support/tiny-elf.js";
import { tinyGo } from "../support/tiny-go.js";

const report = (bytes: Buffer) => reportOf(bufferSource(bytes), 1 << 20);

/** A program with one function after the other, of these bytes each (hex), padded to 32. */
function programOf(functions: readonly string[], rest: TinyElf = {}): Buffer {
  const content = Buffer.alloc(32 * functions.length, 0x90);
  functions.forEach((hex, i) => void Buffer.from(hex.replaceAll(" ", ""), "hex").copy(content, 32 * i));
  const symbols = functions.map((_, i) => ({ name: `f${i}`, address: 0x2000 + 32 * i, size: 32 }));
  return tinyElf({ text: { address: 0x2000, size: content.length, content }, symbols, ...rest });
}

const times = (count: number, hex: string): string[] => Array.from({ length: count }, () => hex);
const framed = "55 4889e5 4883ec20 c9 c3";
const frameless = "4883ec18 e800000000 4883c418 c3";
const leaf = "8d0437 c3";

describe("frame pointers", () => {
  for (const [what, functions, machine, expected] of [
    ["kept", times(40, framed), 62, ["yes", 40, 40]],
    ["kept behind endbr64", times(40, `f30f1efa ${framed}`), 62, ["yes", 40, 40]],
    ["kept, other instructions between", times(40, "55 4989f0 89f9 31c0 4889e5 4156 c3"), 62, ["yes", 40, 40]],
    ["kept by Go up to 1.20", times(40, "4883ec28 48896c2420 488d6c2420 c3"), 62, ["yes", 40, 40]],
    ["kept by Go behind its check of the stack", times(40, `493b6610 7619 ${framed}`), 62, ["yes", 40, 40]],
    ["left out", times(40, frameless), 62, ["no", 40, 0]],
    ["left out, the register saved as any other", times(40, "4155 4154 55 4889fd 53 c3"), 62, ["no", 40, 0]],
    ["kept by half of the functions", [...times(20, framed), ...times(20, frameless)], 62, ["partly", 40, 20]],
    ["not told by functions that don't use the stack", times(40, leaf), 62, ["unknown", 0, 0]],
    ["not told by too few functions", times(20, framed), 62, ["unknown", 20, 20]],
    ["kept on arm64", times(40, "fd7bbea9 fd030091 c0035fd6"), 183, ["yes", 40, 40]],
    ["kept on arm64 by Go", times(40, "fe0f1ef8 fd831ff8 fd2300d1 c0035fd6"), 183, ["yes", 40, 40]],
    ["left out on arm64", times(40, "ff4300d1 ff430091 c0035fd6"), 183, ["no", 40, 0]],
    ["not known on other machines", times(40, framed), 243, ["unknown", 0, 0]],
  ] as const) {
    it(`are ${what}`, () => {
      const { verdict, checked, withFramePointer } = report(programOf(functions, { machine })).framePointers;
      assert.deepEqual([verdict, checked, withFramePointer], expected);
    });
  }

  it("are judged by at most 1,000 functions, spread over all of them", () => {
    const functions = [...times(3000, framed), ...times(3000, frameless)];
    const { verdict, checked, withFramePointer } = report(programOf(functions)).framePointers;
    assert.deepEqual([verdict, checked, withFramePointer], ["partly", 1000, 500]);
  });

  it("are found in a stripped library by what unwinding needs", () => {
    const header = Buffer.alloc(12 + 8 * 40);
    header.set([1, 0x1b, 0x03, 0x3b]);
    header.writeUInt32LE(40, 8);
    for (let i = 0; i < 40; i++) header.writeInt32LE(0x2000 + 32 * i - 0x9000, 12 + 8 * i);
    const sections: TinySection[] = [{ name: ".eh_frame_hdr", flags: 2, address: 0x9000, content: header }];
    const stripped = programOf(times(40, framed), { symbols: undefined, sections });
    assert.equal(report(stripped).framePointers.verdict, "yes");
    // As many as there is room for, whatever the count says.
    header.writeUInt32LE(0xffffffff, 8);
    assert.equal(unwindStarts(parseElf(bufferSource(programOf([], { sections })))).count, 40);
    header[3] = 0x1b;
    assert.equal(unwindStarts(parseElf(bufferSource(programOf([], { sections })))).count, 0);
  });
});

describe("the report of a binary", () => {
  it("counts functions, and says what was stripped", () => {
    const whole = report(programOf([leaf, leaf], { dynamicSymbols: [{ name: "f0", address: 0x2000, size: 32 }] }));
    assert.deepEqual([whole.symbols, whole.dynamicSymbols, whole.machine], [2, 1, "x86-64"]);
    const stripped = report(tinyElf({ type: 2, gnuBuildId: "ab", debugLink: { name: "x.debug", checksum: 0 } }));
    assert.deepEqual(
      [stripped.symbols, stripped.dynamicSymbols, stripped.isPositionIndependent, stripped.ids.gnu, stripped.debugLink],
      [undefined, undefined, false, "ab", "x.debug"],
    );
    assert.equal(report(tinyElf({ sections: [{ name: ".debug_info", content: Buffer.alloc(4) }] })).hasDwarf, true);
  });

  it("knows Go's table and release", () => {
    const functions = [{ name: "main.main", size: 16, file: "/m.go", startLine: 1, lines: [[0, 1]] as const }];
    assert.deepEqual(report(tinyGo(functions)).go, { version: "", table: "1.20", functions: 1 });
    const info = Buffer.alloc(64);
    info.write("\xff Go buildinf:", "latin1");
    info.set([8, 2], 14);
    info.write("\x08go1.22.1", 32, "latin1");
    const versionIn = (content: Buffer): string | undefined => {
      const elf = { sections: [{ name: ".go.buildinfo", content }] };
      return goVersionOf(parseElf(bufferSource(tinyElf(elf))));
    };
    assert.equal(versionIn(info), "go1.22.1");
    for (const [at, value] of [
      [0, 0],
      [15, 0],
      [32, 255],
      [33, 0x1b],
    ]) {
      const broken = Buffer.from(info);
      broken[at] = value;
      assert.equal(versionIn(broken), "", `byte ${at}`);
    }
    assert.equal(versionIn(info.subarray(0, 20)), "");
  });
});
