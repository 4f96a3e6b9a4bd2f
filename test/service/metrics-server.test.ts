import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createMetricsServer } from "../../src/service/metrics-server.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";

describe("createMetricsServer", () => {
  it("serves the exposition at /metrics and nothing else", async () => {
    const metrics = createMetrics();
    metrics.counter("c", "help").add(2);
    const server = createMetricsServer(metrics, "localhost", 0, nopLogger);
    await server.start();
    try {
      const response = await fetch(`http://127.0.0.1:${server.port()}/metrics`);
      assert.equal(response.status, 200);
      assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
      assert.equal(await response.text(), "# HELP c help\n# TYPE c counter\nc 2\n");
      const other = await fetch(`http://127.0.0.1:${server.port()}/`);
      await other.text();
      assert.equal(other.status, 404);
    } finally {
      await server.shutdown();
    }
  });

  it("says which port is taken, and what to do about it", async () => {
    const first = createMetricsServer(createMetrics(), "127.0.0.1", 0, nopLogger);
    await first.start();
    try {
      const second = createMetricsServer(createMetrics(), "127.0.0.1", first.port(), nopLogger);
      await assert.rejects(second.start(), (error: Error) => {
        assert.match(
          error.message,
          /^cannot serve own metrics: listen tcp 127\.0\.0\.1:\d+: bind: address already in use/,
        );
        assert.match(error.message, /service\.telemetry\.metrics\.level=none/);
        return true;
      });
      await second.shutdown();
    } finally {
      await first.shutdown();
    }
  });
});
