import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Profiles } from "../../src/pdata/profiles.js";
import { type CollectorProcess, startCollector } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { recordedFiles } from "../support/recorded.js";
import { until } from "../support/until.js";

const limitMib = 150;
/** What the process may hold at its peak: its own code and heap, the limit, and what was under way when that was reached. */
const maxPeakMib = 400;
const soakMs = process.env.FLAMEPIPE_TEST_LONG ? 300_000 : 1_500;

/** Answers are read to their end. */
function post(port: number, body: Buffer, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-protobuf", "content-length": body.length };
    const to = { host: "127.0.0.1", port, path: "/v1development/profiles", method: "POST", headers, agent };
    const sent = request(to, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A backend that counts samples; it listens once it is told to. */
function createBackend(): { server: Server; samples: () => number } {
  let samples = 0;
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on("data", (chunk: Buffer) => chunks.push(chunk));
    message.on("end", () => {
      samples += Profiles.parse(Buffer.concat(chunks)).sampleCount;
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
    });
  });
  return { server, samples: () => samples };
}

const statusMib = (pid: number | undefined, field: string): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

const openFiles = (pid: number | undefined): number => readdirSync(`/proc/${pid}/fd`).length;

const needsProc = process.platform === "linux" ? false : "reads /proc, which Linux has";

describe("the collector in the long run", { timeout: 60_000 + 2 * soakMs, skip: needsProc }, () => {
  let dir = "";
  const body = readFileSync(recordedFiles[0]);
  const samplesOf = Profiles.parse(body).sampleCount;
  let running: CollectorProcess | undefined;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "flamepipe-e2e-"));
  });
  after(async () => {
    await running?.stop();
    rmSync(dir, { recursive: true });
  });

  async function start(exporter: string): Promise<{ collector: CollectorProcess; port: number }> {
    const port = await freePort();
    const file = join(dir, "config.yaml");
    writeFileSync(
      file,
      `receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}}
processors: {memory_limiter: {check_interval: 50ms, limit_mib: ${limitMib}}}
exporters: {otlp_http: ${exporter}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {profiles: {receivers: [otlp], processors: [memory_limiter], exporters: [otlp_http]}}
`,
    );
    running = startCollector(["--config", file]);
    await running.saw("Everything is ready.");
    return { collector: running, port };
  }

  it("refuses when memory runs out and no backend is there, and delivers what it took when one comes", async () => {
    const backendPort = await freePort();
    const { collector, port } = await start(
      `{endpoint: "http://127.0.0.1:${backendPort}", compression: none, retry_on_failure: {initial_interval: 100ms, max_interval: 200ms}, sending_queue: {queue_size: 100000}}`,
    );
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const answers = { taken: 0, refused: 0 };
    const send = async (): Promise<void> => {
      while (answers.refused < 200) {
        const status = await post(port, body, agent);
        assert.ok(status === 200 || status === 503, `answered ${status}`);
        answers[status === 200 ? "taken" : "refused"]++;
      }
    };
    await Promise.all([send(), send(), send(), send()]);
    const peakMib = statusMib(collector.child.pid, "VmHWM");
    assert.ok(peakMib < maxPeakMib, `${peakMib} MiB at the peak, ${answers.taken} requests taken`);
    const { server, samples } = createBackend();
    server.listen(backendPort, "127.0.0.1");
    await until(() => samples() === answers.taken * samplesOf);
    // Room is back: somebody who was refused may come again.
    await until(async () => (await post(port, body, agent)) === 200);
    agent.destroy();
    collector.child.kill("SIGTERM");
    assert.equal(await collector.exited, 0);
    assert.equal(samples(), (answers.taken + 1) * samplesOf);
    server.close();
  });

  it("gives back what connections and requests took", async () => {
    const { server, samples } = createBackend();
    const backendPort = await freePort();
    server.listen(backendPort, "127.0.0.1");
    const { collector, port } = await start(`{endpoint: "http://127.0.0.1:${backendPort}", compression: none}`);
    const { pid } = collector.child;
    let sent = 0;
    const round = async (): Promise<void> => {
      const statuses = await Promise.all(Array.from({ length: 20 }, () => post(port, body, false)));
      assert.ok(statuses.every((status) => status === 200));
      sent += statuses.length;
      await until(() => samples() === sent * samplesOf);
    };
    for (let warm = 0; warm < 3; warm++) await round();
    const filesBefore = openFiles(pid);
    const residentMib = statusMib(pid, "VmRSS");
    for (const end = performance.now() + soakMs; performance.now() < end; ) await round();
    // Connections to the backend stay open for later, those from clients don't.
    await until(() => openFiles(pid) <= filesBefore);
    const grownMib = statusMib(pid, "VmRSS") - residentMib;
    assert.ok(grownMib < 100, `${grownMib} MiB more after ${sent} requests`);
    collector.child.kill("SIGTERM");
    assert.equal(await collector.exited, 0);
    server.close();
  });
});
