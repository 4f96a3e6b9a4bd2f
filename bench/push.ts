import { type SpawnOptions, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { freePort } from "../test/support/free-port.js";
import { type Load, type Pace, pushAll, recordedLoad, type Sink, startSink } from "./push-load.js";

/**
 * Pushes recorded profiles of Pyroscope's Go, Node and Python clients through a collector of its own process (pyroscope
 * -> relabel -> pyroscope): node dist/bench/push.js [pushes] [connections] [bare]. Prints the CPU that the collector took
 * of a push, what it takes at rest, and how many pprofs came out as the bytes that went in. `bare` measures bare-proxy.ts
 * instead, which does the least that can be done: compare the two, as machines differ and so do their neighbours.
 *
 * `--rate` has so many pushes begin a second, as agents send them, instead of as many as get through.
 * `--sink-port PORT --beside URL --pid PID` pushes in turn to a receiver that runs already as well, and prints the ratio
 * of the two: whatever it takes it has to push on to http://127.0.0.1:PORT.
 */
const firstPushes = 2000;
const ticksPerSecond = 100;
const usage =
  "push.js [pushes] [connections] [bare] [--rounds N] [--rate N] [--sink-port PORT [--beside URL --pid PID]]";

/** A process that pushes go through. */
interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly origin: string;
}

/** Seconds of CPU. */
interface Cpu {
  readonly user: number;
  readonly system: number;
}

function configuration(port: number, metricsPort: number, sinkPort: number): string {
  return `
receivers:
  pyroscope: {endpoint: "127.0.0.1:${port}"}
processors:
  relabel:
    rules:
      - {source_labels: [service_name], regex: "shop\\\\.(.*)", target_label: team, replacement: "$1"}
exporters:
  pyroscope:
    endpoint: "http://127.0.0.1:${sinkPort}"
    sending_queue: {queue_size: 100, block_on_overflow: true}
service:
  telemetry:
    metrics:
      readers: [{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metricsPort}}}}}]
  pipelines:
    profiles: {receivers: [pyroscope], processors: [relabel], exporters: [pyroscope]}
`;
}

/** What a process has taken so far. */
function cpuOf(pid: number): Cpu {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return { user: Number(fields[11]) / ticksPerSecond, system: Number(fields[12]) / ticksPerSecond };
}

function rssMiB(pid: number): string {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kib) / 1024).toFixed(0);
}

async function untilReady(origin: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const status = await fetch(`${origin}/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
  throw new Error("the collector does not come up");
}

/** Starts the collector, or the bare proxy. */
async function start(bare: boolean, folder: string, sinkPort: number) {
  const port = await freePort();
  const options: SpawnOptions = { stdio: ["ignore", "ignore", "inherit"] };
  const file = join(folder, "config.yaml");
  writeFileSync(file, configuration(port, await freePort(), sinkPort));
  const proxy = ["--max-semi-space-size=4", "--initial-heap-size=64", "dist/bench/bare-proxy.js"];
  const child = bare
    ? spawn(process.execPath, [...proxy, String(port), String(sinkPort)], options)
    : spawn("bin/flamepipe", ["--config", file], options);
  const subject = { name: bare ? "bare" : "flamepipe", pid: child.pid as number, origin: `http://127.0.0.1:${port}` };
  return { subject, stop: () => child.kill() };
}

/** Microseconds of CPU that a push takes of the subject. */
async function round({ name, pid, origin }: Subject, load: Load, sink: Sink, pace: Pace, pushes: number) {
  const before = cpuOf(pid);
  const until = sink.pushes + pushes;
  await pushAll(load, origin, pace, pushes);
  while (sink.pushes < until) await sleep(10);
  const after = cpuOf(pid);
  const micros = (seconds: number) => (seconds * 1e6) / pushes;
  const [user, system] = [micros(after.user - before.user), micros(after.system - before.system)];
  const parts = `user ${user.toFixed(0)}, system ${system.toFixed(0)}`;
  console.log(`${name}: ${(user + system).toFixed(0)} µs of CPU a push (${parts})`);
  return user + system;
}

async function measure(pushes: number, pace: Pace, rounds: number, bare: boolean, sinkPort: number, beside?: Subject) {
  const load = recordedLoad();
  const average = load.bodies.reduce((sum, { length }) => sum + length, 0) / load.bodies.length;
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-bench-"));
  const sink = await startSink(load, sinkPort);
  const { subject, stop } = await start(bare, folder, sink.port);
  const subjects = beside ? [subject, beside] : [subject];
  try {
    await untilReady(subject.origin);
    await sleep(2000);
    console.log(
      `${average.toFixed(0)} bytes a push on average, ${pace.connections} connections, Node ${process.version}`,
    );
    for (const { name, pid } of subjects) console.log(`${name} at rest: ${rssMiB(pid)} MiB`);
    console.log(`the first ${firstPushes} pushes`);
    for (const each of subjects) await round(each, load, sink, pace, firstPushes);
    const ratios: number[] = [];
    for (let i = 0; i < rounds; i++) {
      console.log(`the next ${pushes}`);
      const taken: number[] = [];
      for (const each of subjects) taken.push(await round(each, load, sink, pace, pushes));
      ratios.push(taken[0] / taken[1]);
    }
    for (const { name, pid } of subjects) console.log(`${name} afterwards: ${rssMiB(pid)} MiB`);
    console.log(`${sink.same} of ${sink.pushes} pprofs came out as they went in`);
    if (beside) console.log(`${subject.name} / ${beside.name}: ${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}`);
  } finally {
    stop();
    sink.close();
    rmSync(folder, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "2" },
    rate: { type: "string", default: "0" },
    "sink-port": { type: "string", default: "0" },
    beside: { type: "string" },
    pid: { type: "string" },
  },
});
const [pushes = "10000", connections = "8", what = ""] = positionals;
const { beside: origin, pid } = values;
if ((origin === undefined) !== (pid === undefined)) throw new Error(`--beside and --pid go together: ${usage}`);
await measure(
  Number(pushes),
  { connections: Number(connections), rate: Number(values.rate) },
  Number(values.rounds),
  what === "bare",
  Number(values["sink-port"]),
  origin === undefined ? undefined : { name: "beside", pid: Number(pid), origin: origin.replace(/\/+$/, "") },
);
