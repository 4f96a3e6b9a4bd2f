import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { healthCheckSchema } from "../../../extensions/health_check/config.js";
import { createHealthCheck, type HealthCheck } from "../../../extensions/health_check/index.js";
import type { Host } from "../../../src/component/host.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";

const host: Host = { extension: () => undefined, report() {}, parseYaml: JSON.parse };

const settings = {
  id: "health_check",
  kind: "extension" as const,
  log: nopLogger,
  metrics: createMetrics(),
  build: { name: "flamepipe", version: "0" },
};

async function withHealthCheck(
  config: Record<string, unknown>,
  work: (check: HealthCheck, get: (path?: string) => Promise<Response>, clock: { now: number }) => Promise<void>,
): Promise<void> {
  const clock = { now: Date.UTC(2026, 0, 2, 12) };
  const parsed = healthCheckSchema.parse({ endpoint: "127.0.0.1:0", ...config });
  const check = createHealthCheck(settings, parsed, () => clock.now);
  await check.start(host);
  try {
    await work(check, (path = "/") => fetch(`http://127.0.0.1:${check.port}${path}`), clock);
  } finally {
    await check.shutdown();
  }
}

describe("health_check", () => {
  it("answers 503 until the pipelines run, 200 while they do, 503 when they begin to stop", async () => {
    await withHealthCheck({}, async (check, get, clock) => {
      const unavailable = { status: "Server not available", upSince: "0001-01-01T00:00:00Z", uptime: "" };
      let response = await get();
      assert.equal(response.status, 503);
      assert.deepEqual(await response.json(), unavailable);
      check.ready?.();
      clock.now += 62_000;
      response = await get();
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/json");
      assert.deepEqual(await response.json(), {
        status: "Server available",
        upSince: "2026-01-02T12:00:00.000Z",
        uptime: "1m2s",
      });
      check.notReady?.();
      response = await get();
      assert.equal(response.status, 503);
      assert.deepEqual(await response.json(), unavailable);
    });
  });

  it("prints uptimes as Go does", async () => {
    await withHealthCheck({}, async (check, get, clock) => {
      check.ready?.();
      const start = clock.now;
      for (const [ms, text] of [
        [0, "0s"],
        [250, "250ms"],
        [1500, "1.5s"],
        [3_600_000, "1h0m0s"],
        [90_061_001, "25h1m1.001s"],
      ] as const) {
        clock.now = start + ms;
        assert.equal(((await (await get()).json()) as { uptime: string }).uptime, text);
      }
    });
  });

  it("answers at its path only, with the bodies it was given", async () => {
    const config = { path: "/healthz", response_body: { healthy: "fine", unhealthy: "wait" } };
    await withHealthCheck(config, async (check, get) => {
      assert.equal(await (await get("/healthz")).text(), "wait");
      check.ready?.();
      const response = await get("/healthz?verbose");
      assert.equal(response.status, 200);
      assert.equal(await response.text(), "fine");
      const other = await get("/");
      await other.text();
      assert.equal(other.status, 404);
    });
  });

  it("listens on localhost:13133 by default", () => {
    const config = healthCheckSchema.parse({});
    assert.equal(config.endpoint, "localhost:13133");
    assert.equal(config.path, "/");
    assert.equal(healthCheckSchema.safeParse({ path: "healthz" }).error?.issues[0].message, "path must start with /");
  });

  it("takes the Collector's keys that do nothing", () => {
    const config = { check_collector_pipeline: { enabled: true, interval: "5m", exporter_failure_threshold: 3 } };
    assert.equal(healthCheckSchema.safeParse(config).success, true);
  });
});
