import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { cli } from "../../support/cli-run.js";
import { freePort } from "../../support/free-port.js";

const env = { PATH: process.env.PATH ?? "" };
const short = ["--rounds", "1", "--seconds", "0.5", "--warm-up-seconds", "0.1", "--connections", "2"];

/** A collector that needs no rights; `receiver` is YAML in one line. */
function config(receiver: string): string {
  return `yaml:{receivers: {${receiver}}, exporters: {nop: }, service: {telemetry: {metrics: {level: none}, logs: {level: error}}, pipelines: {profiles: {receivers: [${receiver.split(":")[0]}], exporters: [nop]}}}}`;
}

const idle = async () => config(`parca: {endpoint: "127.0.0.1:${await freePort()}"}`);

/** A server in this process, and its URL. */
async function serve(t: TestContext, answered: () => void): Promise<string> {
  const server = createServer((_, response) => {
    response.end();
    answered();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Whether a process runs. One that has ended and that nobody waited for yet (a shell went before it) doesn't. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** It was killed; when the kernel has carried that out is the kernel's affair. */
async function ended(pid: number): Promise<void> {
  while (runs(pid)) await sleep(20);
}

describe("overhead", { timeout: 240_000 }, () => {
  it("measures a service with an agent on and off, and ends what it started", async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-overhead-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const pids = join(folder, "pids");
    const services = join(folder, "services");
    const agent = `echo $$PPID $$$$ >> ${pids}; while :; do echo 'shop;serve;hash 1'; sleep 0.05; done`;
    const ebpf = `ebpf: {command: [sh, -c, ${JSON.stringify(agent)}], format: folded, interval: 100ms}`;
    const port = await freePort();
    const service = [
      "--service",
      `'${process.execPath}' test/cli/overhead/busy-service.mjs ${port} >> ${services}`,
      "--url",
      `http://127.0.0.1:${port}/`,
    ];
    const argv = ["overhead", "--config", config(ebpf), ...short, "--rate", "49", ...service, "--json"];
    const { code, stdout, stderr } = await cli(argv, { env });
    assert.equal(code, 0, stderr);

    const { setup, summary, rounds } = JSON.parse(stdout);
    assert.match(setup.collector, / --set receivers\.ebpf\.sample_rate=49$/);
    assert.deepEqual(
      rounds.map((round: { agent: string; usage?: { hasAgent: boolean } }) => [round.agent, round.usage?.hasAgent]),
      [
        ["off", undefined],
        ["on", true],
      ],
    );
    for (const { load, requestsPerSecond, serviceCpuMsPerRequest, loadCpuPercent } of rounds) {
      // A timer may fire a fraction of a millisecond early.
      assert.ok(load.requests > 0 && load.failed === 0 && load.seconds > 0.49 && load.p99Ms > 0, JSON.stringify(load));
      assert.equal(requestsPerSecond, load.requests / load.seconds);
      assert.ok(serviceCpuMsPerRequest > 0 && loadCpuPercent > 0);
    }
    const [, { usage }] = rounds;
    assert.ok(usage.collectorPeakBytes > 20e6, `${usage.collectorPeakBytes}`);
    assert.ok(
      usage.agentPeakBytes > 100e3 && usage.agentPeakBytes < usage.collectorPeakBytes,
      `${usage.agentPeakBytes}`,
    );
    assert.equal(summary.pairs, 1);
    assert.equal(
      summary.requestsPerSecond.change.median,
      rounds[1].requestsPerSecond / rounds[0].requestsPerSecond - 1,
    );
    // How much of a core the load takes is the machine's affair.
    const notes = summary.notes.filter((note: string) => !note.startsWith("Making the load took "));
    assert.deepEqual(notes, []);

    // Once to try it, when it may be ended before it comes to write, and once for the round.
    const started = readFileSync(pids, "utf8").trim().split("\n");
    assert.ok(started.length === 1 || started.length === 2, `${started}`);
    const served = readFileSync(services, "utf8").trim().split("\n");
    assert.equal(served.length, 1);
    for (const pid of [...started.flatMap((line) => line.split(" ")), ...served]) await ended(Number(pid));
  });

  it("can be interrupted", async (t) => {
    const stops = new EventEmitter();
    let answered = 0;
    const url = await serve(t, () => {
      answered++;
      // The first one is whether it is there.
      if (answered === 20) stops.emit("SIGINT");
    });
    const argv = ["overhead", "--config", await idle(), ...short, "--seconds", "600", "--url", url];
    const { code, stdout, stderr } = await cli(argv, { env, stops });
    assert.deepEqual([code, stdout], [1, "No pair of rounds was measured.\n"]);
    assert.equal(stderr, "trying the collector\nstarting the service\ninterrupted\n");
    assert.deepEqual(stops.eventNames(), []);
  });

  it("says what Go is needed for where there is none", async () => {
    const { code, stderr } = await cli(["overhead", "--config", await idle(), ...short], { env: { PATH: "" } });
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^Error: the busy service has to be built, and there is no `go` on PATH\. .*--service COMMAND --url URL$/m,
    );
  });

  it("says why the collector doesn't start", async (t) => {
    const url = await serve(t, () => {});
    const taken = config(`parca: {endpoint: "${new URL(url).host}"}`);
    const { code, stderr } = await cli(["overhead", "--config", taken, ...short, "--url", url], { env });
    assert.equal(code, 1);
    assert.match(stderr, /^Error: the collector ended \(exit code 1\):\n(?:.*\n)*.*address already in use/m);
  });

  it("says why the service is not there", async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/`;
    const argv = ["overhead", "--config", await idle(), ...short, "--url", url];
    const gone = await cli(argv, { env });
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^Error: the service does not answer http.* with 2xx: connect ECONNREFUSED /m);
    const failing = await cli([...argv, "--service", "echo no such table >&2; exit 3"], { env });
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /^Error: the service ended \(exit code 3\):\nno such table$/m);
  });

  for (const [argv, reason] of [
    [["--service", "shop"], "error: --service needs --url: what to ask it for"],
    [["--rounds", "0"], "option '--rounds <n>' argument '0' is invalid. Not a number > 0."],
    [["--rate", "1.5"], "option '--rate <hz>' argument '1.5' is invalid. Not a whole number."],
    [
      ["--url", "ftp://shop"],
      "option '--url <url>' argument 'ftp://shop' is invalid. A URL begins with http:// or https://.",
    ],
  ] as const) {
    it(`has exit code 2 for ${argv.join(" ")}`, async () => {
      const { code, stdout, stderr } = await cli(["overhead", ...argv]);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.ok(stderr.includes(reason), stderr);
    });
  }

  it("looks at the configuration before it starts anything", async () => {
    const wrong = await cli(["overhead", "--config", "yaml:{receivers: {nowhere: }}"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /^Error: invalid configuration/);
    const { code, stderr } = await cli(["overhead", "--config", await idle(), "--rate", "99"]);
    assert.deepEqual([code, stderr], [1, "Error: --rate: the configuration has no receiver ebpf; use --set\n"]);
  });
});
