import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Child, startChild } from "../src/cli/overhead/child.js";
import { freePort } from "../test/support/free-port.js";
import { type HostLoad, startHostLoad } from "./host-load.js";
import { type HostUsage, readHostUsage, sharesBetween } from "./host-usage.js";

/**
 * What the collector takes to profile a host with bpftrace: node dist/bench/host.js, as root. Runs config/ebpf-host.yaml at
 * 99 samples a second and CPU, lets it warm up, and prints its CPU by process and by thread, its memory and what came out.
 *
 * `--services N` runs N busy Go services (4); 0 leaves the collector idle. Only they are sampled, but with `--whole-host`.
 * `--churn N` starts N short processes a second, `--builds` builds a Go program every four seconds.
 * `--subject COMMAND`, more than once, compares collectors that see the same host at the same time: other flags of V8
 * ("FLAMEPIPE_NODE_FLAGS=--single-threaded-gc bin/flamepipe"), or bin/flamepipe of another checkout.
 */
const { values } = parseArgs({
  options: {
    services: { type: "string", default: "4" },
    "whole-host": { type: "boolean", default: false },
    churn: { type: "string", default: "0" },
    builds: { type: "boolean", default: false },
    rate: { type: "string", default: "99" },
    "warm-up": { type: "string", default: "30" },
    seconds: { type: "string", default: "60" },
    subject: { type: "string", multiple: true, default: ["bin/flamepipe"] },
  },
});

interface Subject {
  readonly command: string;
  readonly child: Child;
  readonly metricsUrl: string;
}

interface Reading {
  readonly usage: HostUsage;
  readonly counters: ReadonlyMap<string, number>;
}

async function startSubject(command: string, { servicePids }: HostLoad): Promise<Subject> {
  // With nobody to look at, the agent finds nothing.
  const pids = servicePids.length > 0 ? servicePids : [process.ppid];
  const include = values["whole-host"] ? [] : pids.map((pid) => ({ pid }));
  const sets = {
    "receivers.ebpf.agent": "bpftrace",
    "receivers.ebpf.sample_rate": values.rate,
    "receivers.ebpf.include": JSON.stringify(include),
  };
  const options = Object.entries(sets).map(([key, value]) => `--set '${key}=${value}'`);
  const line = `exec env ${command} --config config/ebpf-host.yaml ${options.join(" ")}`;
  const port = await freePort();
  const env = { ...process.env, METRICS_PORT: String(port) };
  const child = await startChild({ program: "/bin/sh", args: ["-c", line], env, stopsGroup: false });
  child.stdout.resume();
  return { command, child, metricsUrl: `http://localhost:${port}/metrics` };
}

const counted = /^(flamepipe_ebpf_samples_total|flamepipe_symbolize_locations_total)\{.*outcome="(\w+)"\} (\d+)$/gm;

async function read({ child, metricsUrl }: Subject): Promise<Reading> {
  const text = await (await fetch(metricsUrl)).text();
  const counters = new Map(
    [...text.matchAll(counted)].map(([, name, outcome, n]) => [`${name} ${outcome}`, Number(n)]),
  );
  return { usage: readHostUsage(child.pid), counters };
}

/** What came out between two readings: samples by outcome, and frames that came without a name. */
function increases(before: Reading, after: Reading, metric: string): string {
  const parts: string[] = [];
  for (const [key, value] of after.counters) {
    const increase = value - (before.counters.get(key) ?? 0);
    if (key.startsWith(metric) && increase > 0) parts.push(`${increase} ${key.slice(metric.length + 1)}`);
  }
  return parts.join(", ") || "none";
}

function print({ command, child }: Subject, before: Reading, after: Reading): void {
  const { collector, reader, agent, main, others } = sharesBetween(before.usage, after.usage, child.pid);
  const row = (name: string, value: string) => console.log(`  ${name.padEnd(42)}${value}`);
  const percent = (share: number) => share.toFixed(2);
  console.log(command);
  row("collector and its reader, % of one core", percent(collector + reader));
  row("  collector", percent(collector));
  row("    main thread", percent(main));
  row("    other threads", others.map(percent).join(" "));
  row("  process that reads binaries", percent(reader));
  // Of one that was started anew only what it took since then is known.
  row("agent, % of one core", agent < 0 ? "started anew" : percent(agent));
  row("memory now, MiB", after.usage.memory);
  row("samples", increases(before, after, "flamepipe_ebpf_samples_total"));
  row("frames without a name in the stream", increases(before, after, "flamepipe_symbolize_locations_total"));
}

async function measure(load: HostLoad, subjects: Subject[]): Promise<void> {
  for (const command of values.subject) subjects.push(await startSubject(command, load));
  await sleep(1000 * Number(values["warm-up"]));
  const startedBefore = load.started;
  const before = await Promise.all(subjects.map(read));
  await sleep(1000 * Number(values.seconds));
  // Read before anything of the end is done.
  const usages = subjects.map(({ child }) => readHostUsage(child.pid));
  const after = await Promise.all(subjects.map(read));
  const perSecond = (load.started - startedBefore) / Number(values.seconds);
  console.log(
    `${load.servicePids.length} services, ${perSecond.toFixed(0)} new processes a second, ${process.version}`,
  );
  for (const [i, subject] of subjects.entries()) print(subject, before[i], { ...after[i], usage: usages[i] });
}

const folder = mkdtempSync(join(tmpdir(), "flamepipe-host-"));
const load = await startHostLoad({
  folder,
  services: Number(values.services),
  churn: Number(values.churn),
  builds: values.builds,
});
const subjects: Subject[] = [];
try {
  await measure(load, subjects);
} finally {
  await Promise.all(subjects.map(({ child }) => child.stop()));
  load.stop();
  rmSync(folder, { recursive: true });
}
