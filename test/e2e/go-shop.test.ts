import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { startPyroscopeDouble } from "../support/pyroscope-double.js";
import { install, reasonToSkip } from "./client-install.js";

const command = resolve("bin/flamepipe");
const patienceMs = 60_000;

/** A collector as the other backend: OTLP in, lines of OTLP JSON out. */
function backendConfig(port: number, file: string): string {
  return JSON.stringify({
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: { file: { path: file } },
    service: {
      telemetry: { metrics: { level: "none" } },
      pipelines: { profiles: { receivers: ["otlp"], exporters: ["file"] } },
    },
  });
}

describe("config/go-shop.yaml", { skip: reasonToSkip("go"), timeout: 240_000 }, () => {
  it("takes what a client pushes and what a service serves to both backends, as it is shipped", async (t) => {
    // Under names of their own: other tests may be running the same programs.
    const client = await install("pyroscope-go", ["go", "build", "-o", "shop-client", "."]);
    const service = await install("pprof-service", ["go", "build", "-o", "shop-service", "."]);
    const problem = client.problem || service.problem;
    if (problem !== "") return t.skip(problem);

    const folder = mkdtempSync(join(tmpdir(), "flamepipe-shop-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const double = await startPyroscopeDouble();
    t.after(() => double.close());
    const [listen, target, otlp, metrics, health] = await Promise.all(Array.from({ length: 5 }, () => freePort()));
    const lines = join(folder, "profiles.jsonl");
    writeFileSync(join(folder, "backend.json"), backendConfig(otlp, lines));
    const start = async (sign: string, program: string, argv: readonly string[], env: Record<string, string> = {}) => {
      const started = startProcess(program, argv, env);
      t.after(() => started.stop());
      await started.saw(sign);
      return started;
    };
    const ready = "Everything is ready";
    const backend = await start(ready, command, ["--config", join(folder, "backend.json")]);
    await start("listening", `${service.folder}/shop-service`, [`127.0.0.1:${target}`]);
    const shop = await start(ready, command, ["--config", "config/go-shop.yaml"], {
      PYROSCOPE_LISTEN: `127.0.0.1:${listen}`,
      PYROSCOPE_URL: double.url,
      PPROF_TARGET: `127.0.0.1:${target}`,
      PPROF_SERVICE: "shop",
      OTLP_BACKEND_ENDPOINT: `127.0.0.1:${otlp}`,
      METRICS_PORT: String(metrics),
      HEALTH_LISTEN: `127.0.0.1:${health}`,
      CLUSTER: "eu-1",
    });
    assert.equal((await fetch(`http://127.0.0.1:${health}/`)).status, 200);
    const env = { PYROSCOPE_SERVER_ADDRESS: `http://127.0.0.1:${listen}`, RUN_MS: "4000", RUN_CPU_MS: "0" };
    const pushing = startProcess(`${client.folder}/shop-client`, [], env);
    t.after(() => pushing.stop());
    assert.equal(await pushing.exited, 0, pushing.stderr());

    const series = () => [...new Set(double.stored.map(({ labels }) => `${labels.service_name} ${labels.__name__}`))];
    const expected = [
      ...["block", "goroutine", "memory", "mutex", "process_cpu"].map((name) => `shop.go ${name}`),
      ...["goroutine", "process_cpu"].map((name) => `shop ${name}`),
    ];
    for (const end = performance.now() + patienceMs; !expected.every((one) => series().includes(one)); ) {
      assert.ok(performance.now() < end, `${series().join(", ")}\n${shop.stderr()}`);
      await sleep(200);
    }
    for (const { labels } of double.stored) assert.equal(labels.cluster, "eu-1");
    for (const one of [shop, backend]) {
      one.child.kill("SIGTERM");
      assert.equal(await one.exited, 0, one.stderr());
    }
    const text = readFileSync(lines, "utf8");
    for (const word of ["shop.go", "main.hashOrders", "main.burnCPU", "eu-1"]) assert.ok(text.includes(word), word);
    assert.equal(double.pushes.length, double.stored.length);
  });
});
