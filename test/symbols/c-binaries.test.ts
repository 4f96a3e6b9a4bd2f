import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openBinary } from "../../src/symbols/binary.js";
import { debugLinkOf } from "../../src/symbols/build-id.js";
import { openFileSource } from "../../src/symbols/byte-source.js";
import { debugFilePaths, openDebugFile } from "../../src/symbols/debug-files.js";
import { demangle } from "../../src/symbols/demangle.js";
import { parseElf } from "../../src/symbols/elf.js";
import { reportOf } from "../../src/symbols/report.js";
import { framesAt } from "../support/frames-at.js";

const tools = ["g++", "nm", "strip", "objcopy"];
const missing = tools.filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
const skip = missing.length === 0 ? false : `${missing.join(", ")} not installed`;

const functionCount = 60;
const source = `
#include <cstdio>
#include <cstring>
namespace shop {
template <typename T> struct box { T value; __attribute__((noinline)) T get(T more) const { return value + more; } };
${Array.from(
  { length: functionCount },
  (_, i) => `__attribute__((noinline)) int f${i}(int n, const char *s) {
  char text[${32 + i}];
  snprintf(text, sizeof text, "%d %s", n, s);
  return (int)strlen(text) + (n > 1 ? f${Math.max(i - 1, 0)}(n - 1, text) : 0);
}`,
).join("\n")}
}
static __attribute__((noinline)) double hidden(double x) { return shop::box<double>{x}.get(1) + shop::box<int>{2}.get(3); }
int main(int n, char **v) { return (int)hidden(n)${Array.from({ length: functionCount }, (_, i) => ` + shop::f${i}(n, v[0])`).join("")}; }
`;

describe("a real C++ program", { skip, timeout: 120_000 }, () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "flamepipe-cpp-"));
    writeFileSync(join(folder, "program.cc"), source);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function build(name: string, ...flags: string[]): string {
    const path = join(folder, name);
    execFileSync("g++", [...flags, "-o", path, join(folder, "program.cc")]);
    return path;
  }

  const open = (path: string, debug?: string) =>
    openBinary(
      openFileSource(path),
      { maxTableBytes: 1 << 28, demangle: (name) => demangle(name, "full") },
      debug === undefined ? undefined : openFileSource(debug),
    );

  /** Functions of the program itself, as nm -C writes them. */
  function functionsOf(path: string): { address: number; size: number; name: string }[] {
    const text = execFileSync("nm", ["-C", "-S", "--defined-only", path], { encoding: "utf8" });
    return text.split("\n").flatMap((line) => {
      const [, address, size, name] = /^([0-9a-f]+) ([0-9a-f]+) [tTW] (.*)$/.exec(line) ?? [];
      return name ? [{ address: Number.parseInt(address, 16), size: Number.parseInt(size, 16), name }] : [];
    });
  }

  for (const [name, ...flags] of [
    ["pie", "-O2", "-pie", "-fPIE"],
    ["fixed", "-O2", "-no-pie"],
    ["debug", "-O0", "-g"],
  ]) {
    it(`(${name}) has the same functions as nm, from its first byte to its last`, () => {
      const path = build(name, ...flags);
      const functions = functionsOf(path);
      assert.ok(functions.length >= functionCount + 3, `${functions.length} functions`);
      const binary = open(path);
      for (const { address, size, name: expected } of functions) {
        for (const at of [address, address + Math.floor(size / 2), address + size - 1]) {
          assert.equal(framesAt(binary, at)?.[0].name, expected, at.toString(16));
        }
      }
      binary.close();
    });
  }

  it("that was stripped has names again with its debug file, found by build id or by link and checksum", () => {
    for (const [name, ...flags] of [
      ["with-id", "-O2", "-g"],
      ["without-id", "-O2", "-g", "-Wl,--build-id=none"],
    ]) {
      const path = build(name, ...flags);
      const functions = functionsOf(path);
      const debug = join(folder, `${name}.debug`);
      execFileSync("objcopy", ["--only-keep-debug", path, debug]);
      execFileSync("strip", [path]);
      execFileSync("objcopy", [`--add-gnu-debuglink=${debug}`, path]);
      const [first] = functions;
      const bare = open(path);
      assert.equal(bare.isStripped, true);
      assert.equal(framesAt(bare, first.address), undefined);
      const elf = parseElf(openFileSource(path));
      const found = openDebugFile(elf, debugFilePaths("", debugLinkOf(elf).name, path, []), 1 << 28);
      assert.equal(found?.path, debug);
      const whole = open(path, debug);
      for (const { address, name: expected } of functions) assert.equal(framesAt(whole, address)?.[0].name, expected);
      // A file of that name that is another build's is not taken.
      const other = build("other", "-O1", "-g", ...flags.slice(2));
      execFileSync("objcopy", ["--only-keep-debug", other, debug]);
      assert.equal(openDebugFile(elf, [debug], 1 << 28), undefined);
    }
  });

  it("keeps frame pointers or not, as it was told, stripped or not", () => {
    for (const [flag, verdict] of [
      ["-fno-omit-frame-pointer", "yes"],
      ["-fomit-frame-pointer", "no"],
    ]) {
      const path = build("frames", "-O2", flag);
      assert.equal(reportOf(openFileSource(path), 1 << 28).framePointers.verdict, verdict);
      execFileSync("strip", [path]);
      assert.equal(reportOf(openFileSource(path), 1 << 28).framePointers.verdict, verdict, "stripped");
    }
  });
});
