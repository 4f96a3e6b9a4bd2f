import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { countBpfRunTime } from "../../../src/cli/overhead/bpf-stats.js";
import { LatencyHistogram } from "../../../src/cli/overhead/latency-histogram.js";
import { reportText, sentence } from "../../../src/cli/overhead/report.js";
import { type AgentState, orderOfRounds, type Round } from "../../../src/cli/overhead/rounds.js";
import { compare, spreadOf } from "../../../src/cli/overhead/statistics.js";
import { summarize } from "../../../src/cli/overhead/summary.js";
import { readUsage, usageBetween } from "../../../src/cli/overhead/usage.js";

describe("statistics", () => {
  it("have a median and ends, of an odd and of an even count, in any order", () => {
    assert.deepEqual(spreadOf([7, 1, 3]), { median: 3, min: 1, max: 7 });
    assert.deepEqual(spreadOf([10, 2, 4, 9]), { median: 6.5, min: 2, max: 10 });
  });

  it("compare pairs, and count a change if it is larger than what rounds without the agent differ by", () => {
    const pairs = [
      { off: 100, on: 80 },
      { off: 102, on: 82 },
      { off: 98, on: 79 },
    ];
    const { off, on, change, offSpread, verdict } = compare(pairs);
    assert.deepEqual([off, on, verdict], [100, 80, "changed"]);
    assert.equal(offSpread, 0.04);
    assert.equal(change.median, 82 / 102 - 1);
    assert.deepEqual([change.min, change.max], [80 / 100 - 1, 79 / 98 - 1]);
  });

  it("tell nothing from a change within that, or from two pairs", () => {
    const same = [100, 103, 97].map((off) => ({ off, on: off * 0.95 }));
    assert.equal(compare(same).verdict, "not_told_apart");
    assert.equal(compare(same.slice(0, 2)).verdict, "too_few_rounds");
  });
});

describe("the latency histogram", () => {
  it("has percentiles that are exact to half a per cent", () => {
    const latencies = new LatencyHistogram();
    for (let ms = 1000; ms >= 1; ms--) latencies.record(ms);
    assert.equal(latencies.count, 1000);
    for (const [share, exact] of [
      [0.001, 1],
      [0.5, 500],
      [0.99, 990],
      [1, 1000],
    ]) {
      const found = latencies.percentileMs(share);
      assert.ok(Math.abs(found / exact - 1) <= 0.005, `${share}: ${found}`);
    }
  });

  it("takes what is beyond its ends, and has 0 of nothing", () => {
    const latencies = new LatencyHistogram();
    assert.equal(latencies.percentileMs(0.99), 0);
    latencies.record(0);
    latencies.record(1e12);
    assert.ok(latencies.percentileMs(0.5) < 0.00101);
    assert.ok(latencies.percentileMs(1) > 599_000);
  });
});

describe("the order of rounds", () => {
  it("turns every second pair round", () => {
    assert.deepEqual(orderOfRounds(3), ["off", "on", "on", "off", "off", "on"]);
  });
});

describe("what /proc says of a collector", () => {
  let proc: string;
  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), "flamepipe-usage-"));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(proc, path)), { recursive: true });
    writeFileSync(join(proc, path), text);
  };

  function set(pid: number, parentPid: number, executable: string, ticks: readonly number[], kib: number): void {
    rmSync(join(proc, String(pid)), { recursive: true, force: true });
    const [user, system, endedUser, endedSystem] = ticks;
    write(
      `${pid}/stat`,
      `${pid} (x) S ${parentPid} 0 0 0 0 0 0 0 0 0 ${user} ${system} ${endedUser} ${endedSystem} 0 0 0 0 77 0\n`,
    );
    write(`${pid}/status`, `VmHWM:\t${kib} kB\n`);
    symlinkSync(executable, join(proc, String(pid), "exe"));
  }
  const setProgram = (pid: number, id: number, runNs: number) =>
    write(`${pid}/fdinfo/9`, `prog_id:\t${id}\nrun_time_ns:\t${runNs}\nrun_cnt:\t1\n`);

  it("is the collector's, with its worker, and the agent's, with what ended", () => {
    set(10, 1, "/bin/node", [100, 20, 7, 3], 1000);
    set(11, 10, "/bin/node", [30, 0, 0, 0], 500);
    set(12, 10, "/bin/bpftrace", [1, 1, 0, 0], 2000);
    setProgram(12, 5, 1_000_000);
    const before = readUsage(proc, 10);
    assert.deepEqual(
      [before.collectorMs, before.agentMs, before.collectorPeakBytes, before.agentPeakBytes, before.agentPids],
      [1500, 120, 1500 * 1024, 2000 * 1024, [12]],
    );

    // The agent has been started anew: what it used until then has gone to its parent.
    rmSync(join(proc, "12"), { recursive: true });
    set(10, 1, "/bin/node", [110, 25, 9, 5], 1100);
    set(13, 10, "/bin/bpftrace", [40, 6, 0, 0], 3000);
    setProgram(13, 6, 4_000_000);
    assert.deepEqual(usageBetween(before, readUsage(proc, 10), 1000), {
      collectorPercent: 15,
      agentPercent: 48,
      bpfPercent: 0.4,
      collectorPeakBytes: 1600 * 1024,
      agentPeakBytes: 3000 * 1024,
      hasAgent: true,
      hasPrograms: true,
    });
  });

  it("counts only the time that BPF programs ran since", () => {
    set(10, 1, "/bin/node", [0, 0, 0, 0], 1);
    set(12, 10, "/bin/bpftrace", [0, 0, 0, 0], 1);
    setProgram(12, 5, 7_000_000);
    const before = readUsage(proc, 10);
    setProgram(12, 5, 12_000_000);
    assert.equal(usageBetween(before, readUsage(proc, 10), 500).bpfPercent, 1);
  });

  it("has the kernel count it, and leaves the switch as it was", () => {
    const file = "sys/kernel/bpf_stats_enabled";
    const state = () => readFileSync(join(proc, file), "utf8").trim();
    assert.equal(countBpfRunTime(proc).state, "off");
    write(file, "0\n");
    const switched = countBpfRunTime(proc);
    assert.deepEqual([switched.state, state()], ["switched_on", "1"]);
    const second = countBpfRunTime(proc);
    second.restore();
    assert.deepEqual([second.state, state()], ["was_on", "1"]);
    switched.restore();
    assert.equal(state(), "0");
  });
});

/** A round in which the figures are easy to follow; `on` rounds have an agent with a BPF program. */
function round(agent: AgentState, requestsPerSecond: number, change: Partial<Round> = {}): Round {
  return {
    agent,
    load: {
      requests: requestsPerSecond * 2,
      failed: 0,
      failure: "",
      seconds: 2,
      p50Ms: 2,
      p99Ms: 1000 / requestsPerSecond,
    },
    requestsPerSecond,
    serviceCpuMsPerRequest: agent === "on" ? 1.05 : 1,
    kernelPercent: agent === "on" ? 12 : 10,
    loadCpuPercent: 9,
    usage:
      agent === "off"
        ? undefined
        : {
            collectorPercent: 0.8,
            agentPercent: 1.25,
            bpfPercent: 0.25,
            collectorPeakBytes: 80 * 2 ** 20,
            agentPeakBytes: 40.5 * 2 ** 20,
            hasAgent: true,
            hasPrograms: true,
          },
    ...change,
  };
}

const rounds = [
  round("off", 1000),
  round("on", 950),
  round("on", 960),
  round("off", 1010),
  round("off", 1000),
  round("on", 940),
];

const setup = {
  rounds: 3,
  seconds: 2,
  warmUpSeconds: 1,
  connections: 4,
  url: "http://127.0.0.1:1234/",
  service: "shop",
  collector: "--config c.yaml --set a=b",
  cpus: 2,
  kernel: "6.1.0",
  node: "v20.19.0",
  bpfStats: "switched_on",
} as const;

describe("the report", () => {
  it("shows what changed, what it cost, and whether that means anything", () => {
    const summary = summarize(rounds, "switched_on");
    assert.ok(summary);
    assert.equal(
      reportText(setup, summary),
      `rounds:    3 with the agent and 3 without, in turn; 2 s each, after 1 s of warm-up
host:      2 CPUs, Linux 6.1.0, Node.js v20.19.0
load:      4 connections to http://127.0.0.1:1234/ (shop)
collector: --config c.yaml --set a=b

medians                            off     on  change  of each pair
throughput, requests/s          1000.0  950.0  -5.0 %  -6.0 % .. -5.0 %
latency p50, ms                   2.00   2.00  +0.0 %  +0.0 % .. +0.0 %
latency p99, ms                   1.00   1.05  +5.3 %  +5.2 % .. +6.4 %
CPU of the service, ms/request   1.000  1.050  +5.0 %  +5.0 % .. +5.0 %

cost of the agent being on                 median    min .. max
CPU of the collector, % of one core          0.80  0.80 .. 0.80
CPU of the agent, % of one core              1.25  1.25 .. 1.25
CPU of the kernel in BPF programs, %         0.25  0.25 .. 0.25  kernel.bpf_stats_enabled, on while this ran
CPU of the kernel as a whole, on - off, %    2.00  2.00 .. 2.00  system and interrupts of the host
memory of the collector, peak MiB            80.0
memory of the agent, peak MiB                40.5

Throughput changed by -5.0 %, which is more than chance: rounds without the agent differ by 1.0 % among themselves.
p99 changed by +5.3 %, which is more than chance: rounds without the agent differ by 1.0 % among themselves.
CPU of the service changed by +5.0 %, which is more than chance: rounds without the agent differ by 0.0 % among themselves.
`,
    );
  });

  it("says where nothing can be told", () => {
    const noisy = [
      round("off", 1000),
      round("on", 950),
      round("on", 960),
      round("off", 1090),
      round("off", 990),
      round("on", 940),
    ];
    const summary = summarize(noisy, "off");
    assert.ok(summary);
    const text = reportText({ ...setup, bpfStats: "off" }, summary);
    assert.match(
      text,
      /^Throughput: no difference can be told\. It changed by -5\.1 %, but rounds without the agent differ by 10\.0 % among themselves\.$/m,
    );
    assert.doesNotMatch(text, /in BPF programs/);
    assert.match(
      text,
      /^The run time of BPF programs was not counted: kernel\.bpf_stats_enabled is 0, and only root may set it\.$/m,
    );
    assert.match(
      sentence("p99", compare([{ off: 1, on: 3 }])),
      /^p99 changed by \+200\.0 %; these are too few rounds to tell whether that means anything\.$/,
    );
  });

  it("leaves a round without its neighbour out, and has nothing to say of one alone", () => {
    assert.equal(summarize([round("off", 1000)], "off"), undefined);
    assert.equal(summarize([round("off", 1000), round("on", 900), round("on", 1)], "off")?.requestsPerSecond.on, 900);
  });

  it("notes what has to be known to trust it", () => {
    const { usage, load } = round("on", 900);
    assert.ok(usage);
    const failing = { load: { ...load, failed: 2, failure: "HTTP 503" } };
    const without = { usage: { ...usage, hasAgent: false, hasPrograms: false } };
    const notes = (...changes: Partial<Round>[]) =>
      summarize(
        changes.flatMap((change) => [
          round("off", 1000, { serviceCpuMsPerRequest: undefined }),
          round("on", 900, change),
        ]),
        "was_on",
      )?.notes;
    assert.deepEqual(notes({}), []);
    assert.deepEqual(notes(failing, failing), [
      "4 requests failed and are not in the figures; the first round with some: HTTP 503",
    ]);
    assert.deepEqual(notes(without), ["The collector ran no agent: what was measured is the collector alone."]);
    assert.deepEqual(notes(without, {}), ["In 1 of 2 rounds no agent was running at the end."]);
    assert.deepEqual(notes({ loadCpuPercent: 91 }), [
      "Making the load took up to 91 % of one core: it may be what limits throughput. Let requests do more.",
    ]);
  });
});
