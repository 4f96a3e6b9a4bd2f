import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHiddenMetrics, limitMetrics, nopMetrics } from "../../src/telemetry/metric-levels.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.js";
import { observeProcess } from "../../src/telemetry/process-metrics.js";

async function samples(metrics: Metrics): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

describe("createMetrics", () => {
  it("adds up observed gauges with equal labels, and forgets the one that is taken away", async () => {
    const metrics = createMetrics();
    const removeFirst = metrics.observedGauge("queued", "help", { of: "batch" }, () => 3);
    metrics.observedGauge("queued", "help", { of: "batch" }, () => 4);
    assert.deepEqual(await samples(metrics), ['queued{of="batch"} 7']);
    assert.deepEqual(await samples(metrics), ['queued{of="batch"} 7']);
    removeFirst();
    assert.deepEqual(await samples(metrics), ['queued{of="batch"} 4']);
  });

  it("gives the same counter to everyone who asks by the same name and labels", async () => {
    const metrics = createMetrics();
    metrics.counter("c", "help", { a: "1" }).add(2);
    metrics.counter("c", "help", { a: "1" }).add(3);
    metrics.counter("c", "help", { a: "2" }).add(0);
    assert.deepEqual(await samples(metrics), ['c{a="1"} 5', 'c{a="2"} 0']);
    assert.equal(await metrics.total("c"), 5);
    assert.equal(await metrics.total("none"), 0);
  });

  it("reads observed counters and gauges at scrape time, until they are taken away", async () => {
    const metrics = createMetrics();
    let value = 1;
    const removeCounter = metrics.observedCounter("total", "help", { of: "a" }, () => value);
    const removeGauge = metrics.observedGauge("level", "help", { of: "a" }, () => -value);
    assert.deepEqual(await samples(metrics), ['total{of="a"} 1', 'level{of="a"} -1']);
    value = 4;
    assert.deepEqual(await samples(metrics), ['total{of="a"} 4', 'level{of="a"} -4']);
    assert.match(await metrics.text(), /# TYPE total counter\n/);
    removeCounter();
    removeGauge();
    assert.deepEqual(await samples(metrics), []);
  });
});

describe("limitMetrics", () => {
  const names = [
    "otelcol_receiver_accepted_profile_samples",
    "otelcol_processor_batch_timeout_trigger_send",
    "otelcol_exporter_queue_batch_send_size_bytes",
  ];
  const shown = { none: 0, basic: 1, normal: 2, detailed: 3 };
  for (const [level, count] of Object.entries(shown)) {
    it(`shows the families of level ${level}`, async () => {
      const metrics = limitMetrics(createMetrics(), level as keyof typeof shown);
      for (const name of names) metrics.counter(name, "help").add(1);
      assert.deepEqual(
        await samples(metrics),
        names.slice(0, count).map((name) => `${name} 1`),
      );
    });
  }

  it("has nothing to show where metrics are off", async () => {
    nopMetrics.counter("c", "help").add(1);
    nopMetrics.histogram("h", "help", {}, [1]).observe(1);
    assert.equal(await nopMetrics.text(), "");
  });

  it("shows nothing at level none, but knows what is still held", async () => {
    const metrics = createHiddenMetrics();
    const remove = metrics.observedGauge("held", "help", { exporter: "a" }, () => 3);
    metrics.observedGauge("held", "help", { exporter: "b" }, () => 4);
    assert.equal(await metrics.total("held"), 7);
    remove();
    assert.equal(await metrics.total("held"), 4);
    assert.equal(await metrics.total("other"), 0);
    assert.equal(await metrics.text(), "");
  });
});

describe("observeProcess", () => {
  it("says what otelcol says of its process, and who we are", async () => {
    const metrics = createMetrics();
    const stop = observeProcess(metrics, { resource: { service_name: "flamepipe", service_version: "1" } });
    const lines = await samples(metrics);
    stop();
    const values = new Map(lines.map((line) => line.split(" ") as [string, string]));
    assert.equal(values.get('target_info{service_name="flamepipe",service_version="1"}'), "1");
    for (const name of [
      "otelcol_process_uptime",
      "otelcol_process_cpu_seconds",
      "otelcol_process_memory_rss",
      "otelcol_process_runtime_heap_alloc_bytes",
      "otelcol_process_runtime_total_sys_memory_bytes",
    ]) {
      assert.ok(Number(values.get(name)) > 0, name);
    }
    const lag = lines.filter((line) => line.startsWith("flamepipe_event_loop_lag_seconds{"));
    assert.equal(lag.length, 3);
    for (const line of lag) assert.ok(Number(line.split(" ")[1]) >= 0, line);
  });
});
