import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { multipartBoundary, parseMultipart } from "../receivers/pyroscope/multipart.js";
import { decodePush } from "../receivers/pyroscope/push-request.js";
import { bytesField } from "../src/proto/small-wire.js";

/**
 * Pushes recorded profiles of Pyroscope's Go, Node and Python clients through a collector of its own process (pyroscope
 * -> relabel -> pyroscope): node dist/bench/push.js [pushes] [connections] [bare]. Prints the CPU that the collector took
 * of a push, what it takes at rest, and how many pprofs came out as the bytes that went in. `bare` measures bare-proxy.ts
 * instead, which does the least that can be done: compare the two, as machines differ and so do their neighbours.
 */
const wire = "test/fixtures/wire";
const path = "/push.v1.PusherService/Push";
/** Profiles of about 5 KB, and Python's, which are of 1 KB in Push as recorded. */
const recordings = [
  "pyroscope-go/0005",
  "pyroscope-go/0008",
  "pyroscope-go/0012",
  "pyroscope-go/0014",
  "pyroscope-nodejs/0003",
  "pyroscope-nodejs/0004",
  "pyroscope-nodejs/0006",
];
const firstPushes = 2000;
const ticksPerSecond = 100;

/** The pprof of a recorded upload to /ingest. */
function recordedPprof(name: string): Buffer {
  const body = readFileSync(`${wire}/${name}.bin`);
  const { headers } = JSON.parse(readFileSync(`${wire}/${name}.json`, "utf8"));
  const boundary = multipartBoundary(headers["content-type"]);
  return boundary === undefined ? body : (parseMultipart(body, boundary).get("profile") as Buffer);
}

function pushOf(pprof: Buffer, name: string): Buffer {
  const labels = {
    __name__: name,
    service_name: "shop.orders",
    region: "eu-west",
    env: "staging",
    version: "1.4.2",
    "process.runtime.name": "go",
    __session_id__: "5dc585e196675a5c",
  };
  const pairs = Object.entries(labels).map(([key, value]) =>
    bytesField(1, Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, Buffer.from(value))])),
  );
  return bytesField(1, Buffer.concat([...pairs, bytesField(2, bytesField(1, pprof))]));
}

/** Takes every push, and counts the pprofs that it knows. */
function startSink(known: ReadonlySet<string>, counts: { pushes: number; same: number }): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [{ samples }] = decodePush(Buffer.concat(chunks));
      counts.pushes++;
      if (known.has(samples[0].toString("latin1"))) counts.same++;
      response.writeHead(200, { "content-type": "application/proto", "content-length": 0 }).end();
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
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

/** User and system seconds of a process so far. */
function cpuOf({ pid }: ChildProcess): { user: number; system: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return { user: Number(fields[11]) / ticksPerSecond, system: Number(fields[12]) / ticksPerSecond };
}

function rssMiB({ pid }: ChildProcess): string {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kib) / 1024).toFixed(0);
}

async function untilReady(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const status = await fetch(`http://127.0.0.1:${port}/ready`).then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(50);
  }
  throw new Error("the collector does not come up");
}

function post(agent: Agent, port: number, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/proto", "content-length": body.length };
    const options = { host: "127.0.0.1", port, path, method: "POST", agent, headers };
    const call = httpRequest(options, (answer) => {
      answer.resume();
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`answered ${answer.statusCode}`)),
      );
    });
    call.on("error", reject);
    call.end(body);
  });
}

async function pushAll(port: number, connections: number, pushes: number, bodies: readonly Buffer[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  let begun = 0;
  const workers = Array.from({ length: connections }, async () => {
    while (begun < pushes) await post(agent, port, bodies[begun++ % bodies.length]);
  });
  await Promise.all(workers);
  agent.destroy();
}

/** Starts the collector, or the bare proxy. */
function start(bare: boolean, folder: string, port: number, metricsPort: number, sinkPort: number): ChildProcess {
  const options: SpawnOptions = { stdio: ["ignore", "ignore", "inherit"] };
  if (bare) {
    const flags = ["--max-semi-space-size=4", "--initial-heap-size=64", "dist/bench/bare-proxy.js"];
    return spawn(process.execPath, [...flags, String(port), String(sinkPort)], options);
  }
  const file = join(folder, "config.yaml");
  writeFileSync(file, configuration(port, metricsPort, sinkPort));
  return spawn("bin/flamepipe", ["--config", file], options);
}

async function measure(pushes: number, connections: number, bare: boolean): Promise<void> {
  const pprofs = recordings.map(recordedPprof);
  const bodies = pprofs.map((pprof, i) => pushOf(pprof, i < 4 ? "memory" : "wall"));
  const average = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length;
  const counts = { pushes: 0, same: 0 };
  const sink = await startSink(new Set(pprofs.map((pprof) => pprof.toString("latin1"))), counts);
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-bench-"));
  const collector = start(bare, folder, port, await freePort(), portOf(sink));
  try {
    await untilReady(port);
    await sleep(2000);
    console.log(`${average.toFixed(0)} bytes a push on average, ${connections} connections, Node ${process.version}`);
    console.log(`at rest: ${rssMiB(collector)} MiB`);
    let before = cpuOf(collector);
    let sent = 0;
    const round = async (what: string, count: number) => {
      sent += count;
      await pushAll(port, connections, count, bodies);
      while (counts.pushes < sent) await sleep(10);
      const after = cpuOf(collector);
      const micros = (seconds: number) => ((seconds * 1e6) / count).toFixed(0);
      const [user, system] = [after.user - before.user, after.system - before.system];
      console.log(
        `${what}: ${micros(user + system)} µs of CPU a push (user ${micros(user)}, system ${micros(system)})`,
      );
      before = after;
    };
    await round(`the first ${firstPushes} pushes`, firstPushes);
    await round(`the next ${pushes}`, pushes);
    await round(`the next ${pushes}`, pushes);
    console.log(`${counts.same} of ${counts.pushes} pprofs came out as they went in; ${rssMiB(collector)} MiB`);
  } finally {
    collector.kill();
    sink.close();
    sink.closeAllConnections();
    rmSync(folder, { recursive: true });
  }
}

const [pushes = "10000", connections = "8", what = ""] = process.argv.slice(2);
await measure(Number(pushes), Number(connections), what === "bare");
