import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Request, WorkerOptions } from "../../../processors/symbolize/protocol.js";
import type { SourceFault, SymbolSource } from "../../../processors/symbolize/symbol-source.js";
import { createWorkerProcess, type WorkerProcessSettings } from "../../../processors/symbolize/worker-process.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.js";
import { framesOf } from "../../support/frames-at.js";
import { tinyElf } from "../../support/tiny-elf.js";
import { until } from "../../support/until.js";

const mib = 1024 * 1024;
const gnu = "00112233445566778899";
let folder: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-worker-"));
  writeFileSync(
    join(folder, "tool"),
    tinyElf({ gnuBuildId: gnu, symbols: [{ name: "_ZN4tool4workEv", address: 0x2000, size: 0x100 }] }),
  );
});
after(() => rmSync(folder, { recursive: true, force: true }));

function options(): WorkerOptions {
  return {
    proc: "",
    debugDirs: [],
    systemDirs: [folder],
    uploadDir: "",
    demangle: "full",
    maxTableBytes: mib,
    maxKeptBytes: mib,
    strippedTtlMs: 60_000,
  };
}

function request(file: string): Omit<Request, "id"> {
  const target = { key: file, gnu, go: "", htlhash: "", file, executable: "", pids: [], startTicks: "" };
  return { target, addresses: [0x2010, 0x2fff], range: { start: 0, limit: 0, fileOffset: 0 } };
}

interface Worker {
  readonly clock: FakeClock;
  readonly source: SymbolSource;
  readonly ends: SourceFault[];
  readonly warnings: (Record<string, unknown> | undefined)[];
}

function workerWith(change: Partial<WorkerProcessSettings> = {}): Worker {
  const ends: SourceFault[] = [];
  const warnings: (Record<string, unknown> | undefined)[] = [];
  const clock = createFakeClock();
  const source = createWorkerProcess({
    clock,
    options: options(),
    memoryLimitBytes: 256 * mib,
    requestTimeoutMs: 20_000,
    log: { ...nopLogger, warn: (_message, fields) => void warnings.push(fields) },
    ended: (fault) => void ends.push(fault),
    // Time is the clock's: what the machine does meanwhile doesn't count.
    cpuWaitMs: () => 0,
    ...change,
  });
  return { clock, source, ends, warnings };
}

/** A process that does what it should not when it is asked for `bad`, and answers everything else. */
function misbehaving(name: string, deed: string): string {
  const entry = join(folder, `${name}.mjs`);
  writeFileSync(
    entry,
    `process.on("message", ({ id, target }) => {
       if (target.file === "bad") { ${deed} }
       else process.send({ id, outcome: "not_found", reason: String(process.pid) });
     });
     process.send({ ready: true });`,
  );
  return entry;
}

const faultOf = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => "",
    (caught) => caught.fault,
  );

describe("the process that reads binaries", () => {
  it("answers, and is gone after close", async () => {
    const { source } = workerWith();
    const answer = await source.request(request("tool"));
    assert.ok(answer.outcome === "found");
    assert.deepEqual(framesOf(answer.columns), [
      [{ name: "tool::work()", systemName: "_ZN4tool4workEv", file: "", line: 0, startLine: 0 }],
      null,
    ]);
    assert.equal(answer.identity, `gnu:${gnu}`);
    const missing = await source.request(request("nowhere"));
    assert.deepEqual(
      [missing.outcome, missing.outcome !== "found" && missing.reason],
      ["not_found", "no such file here"],
    );
    await source.close();
    await source.close();
    assert.equal(await faultOf(source.request(request("tool"))), "closed");
  });

  for (const [fault, deed] of [
    ["timeout", "for (;;);"],
    ["memory", "globalThis.kept = Buffer.alloc(300 * 1024 * 1024, 1); for (;;);"],
    ["crashed", "process.exit(3);"],
    ["crashed", "process.kill(process.pid, 'SIGSEGV');"],
  ] as const) {
    it(`is replaced where a binary ends it (${fault}: ${deed.slice(0, 24)})`, async () => {
      const entry = misbehaving(fault + deed.length, deed);
      const { clock, source, ends, warnings } = workerWith({ entry });
      const before = await source.request(request("good"));
      const bad = faultOf(source.request(request("bad")));
      const waiting = faultOf(source.request(request("good")));
      if (fault === "timeout") clock.advance(20_000);
      assert.equal(await bad, fault);
      // It was not to blame, and may be asked for again.
      assert.equal(await waiting, "unavailable");
      assert.equal(await faultOf(source.request(request("good"))), "unavailable");
      assert.deepEqual(ends, [fault]);
      assert.deepEqual(warnings, [{ reason: fault, binary: "bad", pause_ms: 1000 }]);
      clock.advance(999);
      assert.equal(await faultOf(source.request(request("good"))), "unavailable");
      clock.advance(1);
      const after = await source.request(request("good"));
      assert.ok(before.outcome === "not_found" && after.outcome === "not_found");
      assert.notEqual(after.reason, before.reason);
      await source.close();
    });
  }

  it("is given more time while it waits for a CPU, up to five times as much", async () => {
    let waitedMs = 500;
    let looks = 0;
    const cpuWaitMs = (): number => {
      looks++;
      return waitedMs;
    };
    const looked = (): Promise<void> => {
      const enough = looks + 2;
      return until(() => looks >= enough);
    };
    const entry = misbehaving("starved", "for (;;);");
    const { clock, source, ends } = workerWith({ entry, requestTimeoutMs: 1000, cpuWaitMs });
    await source.request(request("good"));
    const bad = faultOf(source.request(request("bad")));
    waitedMs += 3000;
    clock.advance(3999);
    await looked();
    assert.deepEqual(ends, []);
    clock.advance(1);
    assert.equal(await bad, "timeout");
    clock.advance(60_000);
    await source.request(request("good"));
    const starved = faultOf(source.request(request("bad")));
    waitedMs += 1_000_000;
    clock.advance(5999);
    await looked();
    assert.deepEqual(ends, ["timeout"]);
    clock.advance(1);
    assert.equal(await starved, "timeout");
    await source.close();
  });

  it("reads what is large or made to do harm without being replaced", async () => {
    const { source, ends } = workerWith();
    const whole = readFileSync(join(folder, "tool"));
    writeFileSync(join(folder, "sparse"), whole);
    truncateSync(join(folder, "sparse"), 2 ** 30);
    const broken = Buffer.from(whole);
    broken.writeBigUInt64LE(1n << 40n, Number(whole.readBigUInt64LE(40)) + 64 * 3 + 32);
    writeFileSync(join(folder, "broken"), broken);
    for (const [name, reason] of [
      ["broken", /a table past the end of the file|larger than may be read/],
      ["text", /not an ELF file/],
    ] as const) {
      if (name === "text") writeFileSync(join(folder, name), "x".repeat(100));
      const answer = await source.request(request(name));
      assert.ok(answer.outcome === "invalid", name);
      assert.match(answer.reason, reason);
    }
    assert.equal((await source.request(request("sparse"))).outcome, "found");
    assert.deepEqual(ends, []);
    await source.close();
  });

  it("is nobody's fault where it doesn't even start", async () => {
    const { source, ends } = workerWith({ entry: join(folder, "missing.mjs") });
    assert.equal(await faultOf(source.request(request("tool"))), "unavailable");
    assert.deepEqual(ends, ["unavailable"]);
    await source.close();
  });

  it("is not asked by more than 256 at a time", async () => {
    const { source } = workerWith({ entry: misbehaving("slow", "") });
    const first = faultOf(source.request(request("bad")));
    const waiting = Array.from({ length: 256 }, () => faultOf(source.request(request("good"))));
    assert.equal(await faultOf(source.request(request("good"))), "busy");
    await source.close();
    assert.equal(await first, "closed");
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["closed"]));
  });

  it("ends by itself when the collector is gone", {
    skip: existsSync("/proc/self/stat") ? false : "needs /proc",
  }, async () => {
    const script = join(folder, "collector.mjs");
    const module = new URL("../../../processors/symbolize/worker-process.js", import.meta.url).href;
    writeFileSync(
      script,
      `import { createWorkerProcess } from ${JSON.stringify(module)};
       const log = { debug() {}, info() {}, warn() {}, error() {}, with() { return log; } };
       const source = createWorkerProcess({ options: ${JSON.stringify(options())}, memoryLimitBytes: ${256 * mib},
         requestTimeoutMs: 20000, log, ended() {}, clock: performance });
       await source.request(${JSON.stringify(request("tool"))});
       const { readdirSync, readFileSync } = await import("node:fs");
       console.log(readFileSync(\`/proc/self/task/\${process.pid}/children\`, "utf8").trim());
       process.kill(process.pid, "SIGKILL");`,
    );
    const child = await new Promise<string>((resolve) =>
      execFile(process.execPath, [script], (_error, out) => resolve(out)),
    );
    const pid = child.trim();
    assert.match(pid, /^\d+$/);
    await until(() => !isRunning(pid));
  });
});

function isRunning(pid: string): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}
