import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { basename } from "node:path";
import { describe, it } from "node:test";
import { createBpftraceOutput } from "../../../receivers/ebpf/bpftrace-agent.js";
import { bpftraceProgram } from "../../../receivers/ebpf/bpftrace-program.js";
import { createEbpfMetrics } from "../../../receivers/ebpf/ebpf-metrics.js";
import type { Intake } from "../../../receivers/ebpf/intake.js";
import { ownPrivileges } from "../../../receivers/ebpf/privileges.js";
import { systemClock } from "../../../src/delivery/clock.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { profilesOf } from "../../support/pprof-cases.js";
import { until } from "../../support/until.js";
import { createRig, stacksOf, sumOf } from "./rig.js";

/** Why BPF can't run here, or false. */
function reasonToSkip(): string | false {
  if (spawnSync("bpftrace", ["--version"]).status !== 0) return "bpftrace is not installed";
  const { isRoot, mayUseBpf } = ownPrivileges();
  if (!isRoot || !mayUseBpf) return "needs root with CAP_BPF and CAP_PERFMON";
  const attempt = spawnSync("bpftrace", ["-e", "profile:hz:99 { exit(); }"], { timeout: 20_000, encoding: "utf8" });
  return attempt.status === 0 ? false : `BPF may not run here: ${attempt.stderr.trim().split("\n").at(-1)}`;
}

const settings = {
  id: "ebpf",
  kind: "receiver",
  log: nopLogger,
  metrics: createMetrics(),
  build: { name: "flamepipe", version: "1" },
} as const;

/** A process of ours that burns a core until it is ended. */
function burn() {
  return spawn(process.execPath, ["--jitless", "-e", "for (;;) Math.sqrt(2)"], { stdio: "ignore" });
}

describe("bpftrace for real", { skip: reasonToSkip(), timeout: 60_000 }, () => {
  it("samples a busy process: its name, its binary, and as many samples as its rate says", async () => {
    const busy = burn();
    const rig = createRig(
      { agent: "bpftrace", sample_rate: 99, interval: "500ms", include: [{ pid: busy.pid }], proc: "/proc" },
      {},
      { clock: systemClock },
    );
    try {
      await rig.receiver.start(rig.host);
      await until(() => rig.sink.taken.length >= 3);
      await rig.receiver.shutdown();
    } finally {
      busy.kill("SIGKILL");
    }
    const batches = rig.sink.taken.map(({ profiles }) => profiles);
    assert.ok(batches.length >= 3, rig.lines.join("\n"));
    const stacks = batches.flatMap(stacksOf);
    for (const { resource } of stacks) {
      assert.equal(resource["process.pid"], BigInt(busy.pid ?? 0));
      assert.equal(resource["process.executable.name"], basename(process.execPath));
    }
    const [first] = batches.flatMap(profilesOf);
    assert.equal(first.period, 10_101_010n);
    // One core at most, and some of it also on a machine that is busy with other things.
    const seconds = batches.flatMap(profilesOf).reduce((sum, { durationNano }) => sum + Number(durationNano) / 1e9, 0);
    const total = Number(sumOf(batches));
    assert.ok(total > 5 && total < 99 * seconds * 1.2, `${total} samples in ${seconds} s`);
    // Its own code lies in its binary: addresses of the file, with a build id that anybody can look up.
    const { dictionary } = batches[0];
    const own = stacks.filter(({ stack }) => stack.some((frame) => frame.startsWith("0x")));
    assert.ok(own.length > 0);
    const mappings = Array.from({ length: dictionary.mappingCount }, (_, i) => dictionary.mapping(i));
    const node = mappings.find(({ filenameIndex }) => dictionary.string(filenameIndex) === basename(process.execPath));
    assert.ok(node && node.memoryLimit > node.memoryStart);
    const ids = Array.from(node.attributeIndices, (index) => dictionary.attribute(index).key);
    assert.ok(ids.includes("process.executable.build_id.htlhash"));
    assert.equal(await rig.metric("flamepipe_ebpf_samples_total", "taken"), total);
    assert.ok((await rig.metric("flamepipe_ebpf_samples_total", "lost")) < total / 5);
  });

  it("counts as many samples as a count of its own that nothing clears, over all intervals and to the last", async () => {
    const busy = burn();
    const program = bpftraceProgram({ sampleRateHz: 99, intervalMs: 700, pids: [], hasRawStacks: false });
    // A count beside ours, which nothing clears.
    const counting = program.replace(/^profile:.*\{$/m, "$& @all = count();");
    const run = spawn("bpftrace", ["-B", "line", "-f", "json", "-e", counting], {
      env: { ...process.env, BPFTRACE_NO_USER_SYMBOLS: "1" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    setTimeout(() => run.kill("SIGINT"), 2500);
    let text = "";
    for await (const chunk of run.stdout) text += chunk;
    busy.kill("SIGKILL");
    let samples = 0;
    let lost = 0;
    let all = 0;
    const intake = {
      process(_pid: number, _comm: string, count: number) {
        samples += count;
        return undefined;
      },
      fault: (fault: string, detail: string) => assert.fail(`${fault} ${detail}`),
      lostEvents: (count: number) => {
        lost += count;
      },
      flush: async () => {},
    } as unknown as Intake;
    const { parser } = createBpftraceOutput(intake, createEbpfMetrics(settings), () => {});
    for (const line of text.split("\n")) {
      if (line.includes('"@all"')) parser.end(undefined);
      else parser.line(Buffer.from(line));
      all = Number(/"@all": (\d+)/.exec(line)?.[1] ?? all);
    }
    assert.ok(samples > 20);
    // A machine with too much to do may lose some; it is known about how many, since the count beside them can lose, too.
    assert.ok(Math.abs(all - samples - lost) <= 2 + lost, `${samples} and ${lost} lost of ${all}`);
    assert.ok(lost < samples / 2);
  });
});
