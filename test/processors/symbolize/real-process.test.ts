import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { symbolizeSchema } from "../../../processors/symbolize/config.js";
import { createSymbolizeProcessor } from "../../../processors/symbolize/symbolize-processor.js";
import { background } from "../../../src/component/context.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { createSink } from "../../support/consumers.js";
import { batchOf, type PlainMapping, stacksOf } from "./batches.js";

const hasCompiler = spawnSync("gcc", ["--version"]).status === 0;
const skip = hasCompiler && existsSync("/proc/self/maps") ? false : "needs gcc and /proc";

/** Says where its functions are, as this process has them, and waits. */
const source = `
#include <stdio.h>
#include <unistd.h>
__attribute__((noinline)) int first(int n) { return n * 3 + getpid(); }
static __attribute__((noinline)) int second(int n) { return first(n) - n; }
int main(int n, char **v) {
  printf("first %p\\nsecond %p\\nmain %p\\n", (void *)first, (void *)second, (void *)main);
  fflush(stdout);
  return read(0, v[0], 1) + second(n) > 1 << 30;
}`;

describe("a process that runs", { skip, timeout: 120_000 }, () => {
  let folder: string;
  const running: ChildProcess[] = [];
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "flamepipe-running-"));
    writeFileSync(join(folder, "program.c"), source);
  });
  after(() => {
    for (const child of running) child.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Builds and starts it; resolves when it has said where its functions are. */
  async function start(name: string, ...flags: string[]) {
    const path = join(folder, name);
    execFileSync("gcc", ["-O1", "-Wl,--build-id=none", ...flags, "-o", path, join(folder, "program.c")]);
    const child = spawn(path, { stdio: ["pipe", "pipe", "inherit"] });
    running.push(child);
    const addresses = new Map<string, number>();
    for await (const text of child.stdout) {
      for (const [, symbol, address] of String(text).matchAll(/^(\w+) 0x([0-9a-f]+)$/gm)) {
        addresses.set(symbol, Number.parseInt(address, 16));
      }
      if (addresses.size === 3) break;
    }
    return { path, pid: child.pid ?? 0, addresses };
  }

  /** The mapping of the program's code, as a profiler takes it from the maps. */
  function codeOf(pid: number, path: string): PlainMapping {
    const line = readFileSync(`/proc/${pid}/maps`, "utf8")
      .split("\n")
      .find((each) => each.includes(" r-xp ") && each.includes(path));
    const [, from, to, offset] = /^([0-9a-f]+)-([0-9a-f]+) r-xp ([0-9a-f]+)/.exec(line ?? "") ?? [];
    const hex = (text: string) => Number.parseInt(text, 16);
    return { file: path, start: hex(from), limit: hex(to), offset: hex(offset) };
  }

  async function namesOf(pid: number, mapping: PlainMapping, addresses: readonly number[]): Promise<string[]> {
    const metrics = createMetrics();
    const build = { name: "flamepipe", version: "0" };
    const settings = { id: "symbolize", kind: "processor", log: nopLogger, metrics, build } as const;
    const config = symbolizeSchema.parse({ without_build_id: true, timeout: "60s" });
    const sink = createSink();
    const processor = createSymbolizeProcessor(settings, config, sink);
    try {
      const stacks = [addresses.map((address) => ({ address }))];
      await processor.consume(batchOf([mapping], [{ pid, stacks }]), background);
      return stacksOf(sink.taken[0].profiles)[0];
    } finally {
      await processor.shutdown();
    }
  }

  for (const [what, ...flags] of [
    ["position-independent", "-pie", "-fPIE"],
    ["at fixed addresses", "-no-pie"],
  ]) {
    it(`is named by its addresses at run time (${what})`, async () => {
      const { path, pid, addresses } = await start(`program${flags.length}`, ...flags);
      const mapping = codeOf(pid, path);
      assert.deepEqual(await namesOf(pid, mapping, [...addresses.values()]), [...addresses.keys()]);
      const inside = [...addresses.values()].map((address) => address + 4);
      assert.deepEqual(await namesOf(pid, mapping, inside), [...addresses.keys()]);
    });
  }

  it("is named though its file is gone, and not from another that took its place", async () => {
    const { path, pid, addresses } = await start("replaced", "-pie", "-fPIE");
    const mapping = codeOf(pid, path);
    rmSync(path);
    writeFileSync(join(folder, "other.c"), source.replaceAll("first", "wrong"));
    execFileSync("gcc", ["-O1", "-Wl,--build-id=none", "-pie", "-fPIE", "-o", path, join(folder, "other.c")]);
    assert.deepEqual(await namesOf(pid, mapping, [...addresses.values()]), [...addresses.keys()]);
  });

  it("that another one's addresses are said to be of is not asked", async () => {
    const { path, addresses, pid } = await start("one", "-pie", "-fPIE");
    const other = await start("two", "-pie", "-fPIE");
    const text = [...addresses.values()].map((address) => `0x${address.toString(16)}`);
    assert.deepEqual(await namesOf(other.pid, codeOf(pid, path), [...addresses.values()]), text);
  });
});
