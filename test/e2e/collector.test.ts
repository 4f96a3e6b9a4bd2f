import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCollector, startCollector } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { allRecorded, recordedFiles } from "../support/recorded.js";

const samples = allRecorded().reduce((sum, profiles) => sum + profiles.sampleCount, 0);
const ready = "Everything is ready.";

/** `--set` options that put quickstart.yaml on free ports. */
async function onFreePorts() {
  const [grpc, http, metrics] = [await freePort(), await freePort(), await freePort()];
  const sets = [
    `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${grpc}`,
    `receivers.otlp.protocols.http.endpoint=127.0.0.1:${http}`,
    `service.telemetry.metrics.readers=[{pull: {exporter: {prometheus: {host: 127.0.0.1, port: ${metrics}}}}}]`,
  ];
  return { grpc, http, metrics, argv: sets.flatMap((set) => ["--set", set]) };
}

describe("the collector's process", { timeout: 60_000 }, () => {
  let dir = "";
  const file = (name: string, text: string) => {
    const path = join(dir, name);
    writeFileSync(path, text);
    return path;
  };
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "flamepipe-e2e-"));
  });
  after(() => rmSync(dir, { recursive: true }));

  it("runs config/quickstart.yaml: takes profiles, prints what is hot, serves its metrics, drains on SIGTERM", async () => {
    const { grpc, http, metrics, argv } = await onFreePorts();
    const collector = startCollector(["--config", "config/quickstart.yaml", ...argv]);
    try {
      await collector.saw(ready);
      for (const endpoint of [`127.0.0.1:${grpc}`, `http://127.0.0.1:${http}`]) {
        const flags = ["--endpoint", endpoint, "--concurrency", "8", "--shift-time", "now"];
        const { code, stdout } = await runCollector(["send", ...flags, ...recordedFiles]);
        assert.match(stdout, new RegExp(`^sent ${recordedFiles.length} requests \\(${samples} samples,`));
        assert.equal(code, 0);
      }
      const scraped = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
      for (const transport of ["grpc", "http"]) {
        const line = `otelcol_receiver_accepted_profile_samples{receiver="otlp",transport="${transport}"} ${samples}\n`;
        assert.ok(scraped.includes(line), `${line}in\n${scraped}`);
      }
      for (const name of ["otelcol_process_uptime", "target_info{", "flamepipe_event_loop_lag_seconds{"]) {
        assert.ok(scraped.includes(`\n${name}`), name);
      }
      collector.child.kill("SIGTERM");
      assert.equal(await collector.exited, 0);
    } finally {
      await collector.stop();
    }
    assert.match(collector.stdout(), / {2}compile {2}last /, "a table for the service named after its program");
    assert.match(collector.stdout(), /% {2}runtime\./);
    const log = collector.stderr();
    for (const line of ["Received signal from OS", "Starting shutdown...", "Shutdown complete."]) {
      assert.ok(log.includes(line), line);
    }
    assert.doesNotMatch(log, /\t(warn|error)\t/);
  });

  it("ends with 0 on SIGINT, although nothing came", async () => {
    const { argv } = await onFreePorts();
    const collector = startCollector(["--config", "config/quickstart.yaml", ...argv]);
    try {
      await collector.saw(ready);
      collector.child.kill("SIGINT");
      assert.equal(await collector.exited, 0);
      assert.equal(collector.stdout(), "");
    } finally {
      await collector.stop();
    }
  });

  it("does not start with a bad configuration, and says what is wrong with it", async () => {
    const { argv, grpc } = await onFreePorts();
    const bad = file("bad.yaml", "processors: {batch: {timeot: 1s}}\nexporters: {debug: {verbosity: loud}}\n");
    const { code, stdout, stderr } = await runCollector([
      "--config",
      "config/quickstart.yaml",
      "--config",
      bad,
      ...argv,
    ]);
    assert.equal(code, 1);
    assert.equal(stdout, "");
    const lines = stderr.trimEnd().split("\n");
    assert.equal(lines[0], "Error: invalid configuration, 2 problems:");
    assert.match(stderr, new RegExp(`^${bad}:1:22: .*timeot.*did you mean "timeout"`, "m"));
    assert.match(stderr, new RegExp(`^${bad}:2:32: .*verbosity level "loud" is not supported`, "m"));
    assert.doesNotMatch(stderr, /Starting/);
    await assert.rejects(fetch(`http://127.0.0.1:${grpc}/`), "no port was opened");
  });

  it("ends with 1 when a port is taken, and names component and port", async () => {
    const { argv, grpc } = await onFreePorts();
    const holder = createServer().listen(grpc, "127.0.0.1");
    try {
      const { code, stderr } = await runCollector(["--config", "config/quickstart.yaml", ...argv]);
      assert.equal(code, 1);
      assert.match(stderr, /cannot start pipelines: failed to start \\?"otlp\\?" receiver: .*address already in use/);
      assert.ok(stderr.includes(String(grpc)));
    } finally {
      holder.close();
    }
  });

  it("cuts a drain short at the second signal, with exit code 1 and the loss counted", async () => {
    const { argv, grpc } = await onFreePorts();
    // Takes connections and never answers, so that the queue can't drain.
    const silent = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => silent.once("listening", resolve));
    const deadEnd = file(
      "dead-end.yaml",
      `exporters: {otlp_grpc: {endpoint: "127.0.0.1:${(silent.address() as AddressInfo).port}", tls: {insecure: true}}}
service: {pipelines: {profiles: {processors: [], exporters: [otlp_grpc]}}}
`,
    );
    const collector = startCollector(["--config", "config/quickstart.yaml", "--config", deadEnd, ...argv]);
    try {
      await collector.saw(ready);
      const sent = await runCollector(["send", "--endpoint", `127.0.0.1:${grpc}`, recordedFiles[0]]);
      assert.equal(sent.code, 0);
      collector.child.kill("SIGTERM");
      await collector.saw("Starting shutdown...");
      collector.child.kill("SIGTERM");
      assert.equal(await collector.exited, 1);
      assert.match(collector.stderr(), /what had not left is lost.*"lost_samples":972/);
    } finally {
      await collector.stop();
      silent.close();
    }
  });

  it("survives a reader of its output that goes away", async () => {
    const { argv, grpc } = await onFreePorts();
    const detailed = ["--set", "exporters.debug.verbosity=detailed", ...argv];
    const collector = startCollector(["--config", "config/quickstart.yaml", ...detailed]);
    try {
      await collector.saw(ready);
      collector.child.stdout?.destroy();
      const sent = await runCollector([
        "send",
        "--endpoint",
        `127.0.0.1:${grpc}`,
        "--concurrency",
        "8",
        ...recordedFiles,
      ]);
      assert.equal(sent.code, 0);
      await collector.saw("Debug output can no longer be written.");
      const again = await runCollector(["send", "--endpoint", `127.0.0.1:${grpc}`, recordedFiles[0]]);
      assert.equal(again.code, 0);
      collector.child.kill("SIGTERM");
      assert.equal(await collector.exited, 0);
    } finally {
      await collector.stop();
    }
  });

  for (const [encoding, pattern] of [
    ["json", /^\{"level":"info","ts":"[^"]+Z","Version":"[^"]+","Node":"v[^"]+","msg":"Starting flamepipe\.\.\."\}$/m],
    ["console", /^[^\t]+Z\tinfo\tStarting flamepipe\.\.\.\t\{"Version":/m],
  ] as const) {
    it(`logs as ${encoding} on stderr`, async () => {
      const { argv } = await onFreePorts();
      const sets = ["--set", `service.telemetry.logs.encoding=${encoding}`, ...argv];
      const collector = startCollector(["--config", "config/quickstart.yaml", ...sets]);
      try {
        await collector.saw(ready);
        assert.match(collector.stderr(), pattern);
      } finally {
        await collector.stop();
      }
    });
  }
});
