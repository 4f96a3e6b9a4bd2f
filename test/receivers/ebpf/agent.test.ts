import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { checkPrivileges, findAgent } from "../../../receivers/ebpf/find-agent.js";
import { parsePrivileges } from "../../../receivers/ebpf/privileges.js";
import { startCollector } from "../../support/collector-process.js";
import type { SinkOptions } from "../../support/consumers.js";
import { until } from "../../support/until.js";
import { createRig, type Input, stacksOf, sumOf } from "./rig.js";

const privileges = () => ({ isRoot: true, mayUseBpf: true });
const fake = (mode: string, ...args: string[]) => [
  process.execPath,
  "test/receivers/ebpf/fake-agent.mjs",
  mode,
  ...args,
];
const folder = mkdtempSync(join(tmpdir(), "flamepipe-agent-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function start(keys: Input, sinkOptions: SinkOptions = {}) {
  const rig = createRig(keys, sinkOptions, { privileges });
  await rig.receiver.start(rig.host);
  return { ...rig, batches: () => rig.sink.taken.map(({ profiles }) => profiles) };
}

describe("a supervised bpftrace", () => {
  const bpftrace = (mode: string, ...args: string[]) => ({ agent: "bpftrace", command: fake(mode, ...args) });

  it("is read interval by interval, and its last words when it is stopped", async () => {
    const rig = await start(bpftrace("good"));
    await until(() => rig.sink.taken.length === 1);
    assert.deepEqual(
      rig
        .batches()
        .flatMap(stacksOf)
        .map(({ stack, sample, value }) => [stack[0], sample["thread.id"], value]),
      [
        ["first", 7n, 5n],
        ["second", 7n, 2n],
      ],
    );
    await rig.receiver.shutdown();
    assert.equal(sumOf(rig.batches()), 10n);
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "taken"), 10);
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "lost"), 0);
    assert.equal(rig.clock.pending, 0);
  });

  it("is given our program, as fast, as often and for as many processes as asked for", async () => {
    const file = join(folder, "arguments");
    const include = [{ pid: 12 }, { pid: 13 }];
    const rig = await start({ ...bpftrace("arguments", file), sample_rate: 49, interval: "1500ms", include });
    await until(() => existsSync(file) && readFileSync(file, "utf8").endsWith("}"));
    await rig.receiver.shutdown();
    const { args, noUserSymbols } = JSON.parse(readFileSync(file, "utf8"));
    assert.deepEqual(args.slice(0, -1), ["-B", "line", "-f", "json", "-e"]);
    assert.match(args.at(-1), /^profile:hz:49 \/pid == 12 \|\| pid == 13\/ \{$/m);
    assert.match(args.at(-1), /^interval:ms:1500 \{/m);
    assert.equal(noUserSymbols, "1");
  });

  it("that lost samples says so by its total", async () => {
    const rig = await start(bpftrace("full"));
    await until(() => rig.sink.taken.length === 1);
    await rig.receiver.shutdown();
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "taken"), 5);
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "lost"), 1004);
  });

  it("is started anew when it can't look up stacks any more", async () => {
    const rig = await start(bpftrace("worn"));
    // Not before it has run for a minute.
    await rig.clock.advanceAsync(60_000);
    await until(async () => (await rig.metrics.total("flamepipe_ebpf_agent_starts_total")) === 2);
    await rig.receiver.shutdown();
    assert.equal((await rig.metrics.total("flamepipe_ebpf_stack_lookups_failed_total")) % 3, 0);
    assert.equal(rig.lines.filter((line) => line.includes("The agent ended")).length, 0);
    assert.equal(rig.lines.filter((line) => line.includes("started anew")).length >= 1, true);
  });

  it("that prints garbage and half lines loses those only, and is started again when it ends", async () => {
    const rig = await start(bpftrace("garbage"));
    await until(() => rig.lines.some((line) => line.includes("The agent ended")));
    assert.equal(sumOf(rig.batches()), 1n);
    assert.equal(await rig.metric("flamepipe_ebpf_stream_faults_total", "invalid"), 2);
    assert.equal(await rig.metric("flamepipe_ebpf_stream_faults_total", "incomplete"), 1);
    await rig.clock.advanceAsync(1000);
    await until(() => rig.sink.taken.length === 2);
    await rig.receiver.shutdown();
  });
});

describe("a command", () => {
  it("that writes a format to its stdout is read as a socket would be", async () => {
    const script = "printf 'work;main;leaf 4\\n'; kill -STOP $$";
    const rig = await start({ command: ["sh", "-c", `${script}; sleep 100`], format: "folded" });
    await until(async () => {
      await rig.clock.advanceAsync(5000);
      return rig.sink.taken.length > 0;
    });
    assert.deepEqual(rig.batches().flatMap(stacksOf)[0].stack, ["leaf", "main"]);
    const stopping = rig.receiver.shutdown();
    // Stopped by SIGSTOP it hears neither SIGINT nor SIGTERM.
    await rig.clock.advanceAsync(5000);
    await rig.clock.advanceAsync(2000);
    await stopping;
  });

  it("that floods is slowed by its pipe while the pipeline thinks", async () => {
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const rig = await start({ command: fake("flood"), format: "folded", max_stacks: 1000 }, { before: () => held });
    // Long enough to write far more than pipe and intervals hold.
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(rig.sink.taken.length, 0);
    letGo();
    await rig.receiver.shutdown();
    for (const batch of rig.batches()) assert.ok(batch.sampleCount < 10_000, String(batch.sampleCount));
  });

  it("that dies is started again with a delay that doubles up to a minute", async () => {
    const rig = await start({ command: fake("die"), format: "folded" });
    const waits: unknown[] = [];
    for (let n = 1; n <= 9; n++) {
      await until(() => rig.fields.filter(({ wait }) => wait !== undefined).length === n);
      waits.push(rig.fields.findLast(({ wait }) => wait !== undefined)?.wait);
      await rig.clock.advanceAsync(60_000);
    }
    await rig.receiver.shutdown();
    assert.deepEqual(
      waits,
      [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => `${1000 * seconds}ms`),
    );
    assert.match(rig.reports[0], /^recoverable_error .*node: exit code 3$/);
    assert.ok(rig.fields.some(({ line }) => line === "this agent can't go on"));
  });

  it("that ran for a minute is well, and soon started again when it dies", async () => {
    // Dies twice, then runs until it is told to die.
    const script = `cd ${folder}; test -e two || { test -e one && touch two; touch one; exit 1; }
      while ! test -e go; do sleep 0.05; done; exit 1`;
    const rig = await start({ command: ["sh", "-c", script], format: "folded" });
    const waits = () => rig.fields.flatMap(({ wait }) => (wait === undefined ? [] : [wait]));
    for (const [deaths, ms] of [
      [1, 1000],
      [2, 2000],
    ]) {
      await until(() => waits().length === deaths);
      await rig.clock.advanceAsync(ms);
    }
    await rig.clock.advanceAsync(60_000);
    assert.equal(rig.reports.at(-1), "ok");
    writeFileSync(join(folder, "go"), "");
    await until(() => waits().length === 3);
    assert.deepEqual(waits(), ["1000ms", "2000ms", "1000ms"]);
    await rig.receiver.shutdown();
  });

  it("that is not there is looked for again, and reported", async () => {
    const rig = await start({ command: ["/no/such/agent"], format: "folded" });
    await until(() => rig.reports.length > 0);
    assert.match(rig.reports[0], /no\/such\/agent/);
    await rig.receiver.shutdown();
    assert.equal(rig.clock.pending, 0);
  });

  for (const [signal, args, waitMs] of [
    ["SIGTERM", ["term"], [5000]],
    ["SIGKILL", [], [5000, 2000]],
  ] as const) {
    it(`that doesn't heed SIGINT is sent ${signal}`, async () => {
      const rig = await start({ command: fake("deaf", ...args), format: "folded" });
      await until(() => rig.fields.some(({ line }) => line === "listening to nobody"));
      let isOver = false;
      const stopping = rig.receiver.shutdown().then(() => {
        isOver = true;
      });
      for (const ms of waitMs) {
        await rig.clock.advanceAsync(ms - 1);
        assert.equal(isOver, false);
        await rig.clock.advanceAsync(1);
      }
      await stopping;
      assert.equal(rig.clock.pending, 0);
    });
  }

  it("ends with everything that it started", async () => {
    const file = join(folder, "child");
    const rig = await start({ command: ["sh", "-c", `sleep 1000 & echo $! > ${file}; wait`], format: "folded" });
    await until(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"));
    const pid = Number(readFileSync(file, "utf8"));
    assert.doesNotThrow(() => process.kill(pid, 0));
    await rig.receiver.shutdown();
    await until(() => isGone(pid));
  });

  it("ends when the collector is killed, where the kernel can be asked for that", async (t) => {
    if (!spawnSync("setpriv", ["--help"], { encoding: "utf8" }).stdout?.includes("--pdeathsig")) {
      t.skip("there is no setpriv of util-linux");
      return;
    }
    const file = join(folder, "orphan");
    const config = {
      receivers: { ebpf: { command: ["sh", "-c", `echo $$ > ${file}; exec sleep 1000`], format: "folded" } },
      exporters: { nop: null },
      service: {
        telemetry: { metrics: { level: "none" } },
        pipelines: { profiles: { receivers: ["ebpf"], exporters: ["nop"] } },
      },
    };
    const collector = startCollector(["--config", `yaml:${JSON.stringify(config)}`]);
    await until(() => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"));
    const pid = Number(readFileSync(file, "utf8"));
    await collector.stop();
    await until(() => isGone(pid));
  });

  it("that says a lot on stderr fills no log", async () => {
    const rig = await start({ command: fake("noise"), format: "folded" });
    await until(() => rig.fields.some(({ line }) => line === "line 19"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await rig.receiver.shutdown();
    const lines = rig.fields.flatMap(({ line }) => (line === undefined ? [] : [line]));
    assert.deepEqual(
      lines,
      Array.from({ length: 20 }, (_, i) => `line ${i}`),
    );
  });
});

/** A process that has ended may stay as a zombie until init has looked at it. */
function isGone(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  try {
    return !existsSync(stat) || readFileSync(stat, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

describe("agents", () => {
  const program = (name: string, mode = 0o755) => {
    const dir = mkdtempSync(join(folder, "bin-"));
    writeFileSync(join(dir, name), "");
    chmodSync(join(dir, name), mode);
    return dir;
  };

  it("are found on PATH, the eBPF profiler first", () => {
    const [bpftrace, profiler, collector] = ["bpftrace", "ebpf-profiler", "otelcol-ebpf-profiler"].map((name) =>
      program(name),
    );
    const kindOf = (wanted: "auto" | "otel" | "bpftrace", ...dirs: string[]) =>
      findAgent(wanted, [], dirs.join(":")).program;
    assert.equal(kindOf("auto", bpftrace, profiler), join(profiler, "ebpf-profiler"));
    assert.equal(kindOf("auto", bpftrace, collector), join(collector, "otelcol-ebpf-profiler"));
    assert.equal(kindOf("auto", "/no/such/dir", bpftrace), join(bpftrace, "bpftrace"));
    assert.equal(kindOf("bpftrace", profiler, bpftrace), join(bpftrace, "bpftrace"));
    assert.deepEqual(findAgent("otel", ["/opt/x", "-v"], ""), { kind: "otel", program: "/opt/x", args: ["-v"] });
  });

  it("that are not installed are named with what brings them", () => {
    assert.throws(() => findAgent("bpftrace", [], program("bpftrace", 0o644)), {
      message:
        "agent bpftrace: not installed; there is no bpftrace (it comes with the distribution's package bpftrace (apt install bpftrace, dnf install bpftrace)) on PATH",
    });
    assert.throws(() => findAgent("auto", [], ""), /no ebpf-profiler or otelcol-ebpf-profiler .* and no bpftrace /);
  });

  it("need rights, which the start looks at", async () => {
    const status = (uid: number, effective: string) =>
      parsePrivileges(`Name:\tx\nUid:\t1000\t${uid}\t0\t0\nCapEff:\t${effective}\n`);
    const all = "000001ffffffffff";
    const bpf = "000000c000000000";
    assert.doesNotThrow(() => checkPrivileges("bpftrace", status(0, all)));
    assert.doesNotThrow(() => checkPrivileges("otel", status(1000, bpf)));
    assert.throws(
      () => checkPrivileges("bpftrace", status(1000, bpf)),
      /agent bpftrace needs root; .* start it with sudo/,
    );
    assert.throws(() => checkPrivileges("otel", status(1000, "0")), /needs root, or CAP_BPF and CAP_PERFMON/);
    assert.throws(() => checkPrivileges("otel", status(0, "0000000000000400")), /root without CAP_BPF/);
    const rig = createRig(
      { agent: "bpftrace", command: fake("good") },
      {},
      { privileges: () => ({ isRoot: false, mayUseBpf: false }) },
    );
    await assert.rejects(rig.receiver.start(rig.host), /needs root/);
    await rig.receiver.shutdown();
    assert.equal(rig.clock.pending, 0);
  });
});
