import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Metrics } from "./metrics.js";

export interface ProcessMetricsOptions {
  /** Labels of target_info, in Prometheus' spelling (service_name, ...). */
  readonly resource: Readonly<Record<string, string>>;
}

/** Registers what otelcol says of its own process, and how late our event loop runs; returns a function that stops it. */
export function observeProcess(metrics: Metrics, options: ProcessMetricsOptions): () => void {
  const none = {};
  metrics.gauge("target_info", "Target metadata", { ...options.resource }).set(1);
  const gauges = [
    metrics.observedCounter("otelcol_process_uptime", "Uptime of the process", none, () => process.uptime()),
    metrics.observedCounter("otelcol_process_cpu_seconds", "Total CPU user and system time in seconds", none, () => {
      const usage = process.cpuUsage();
      return (usage.user + usage.system) / 1e6;
    }),
    metrics.observedGauge("otelcol_process_memory_rss", "Total physical memory (resident set size)", none, () =>
      process.memoryUsage.rss(),
    ),
    metrics.observedGauge(
      "otelcol_process_runtime_heap_alloc_bytes",
      "Bytes of allocated heap objects, buffers outside of the heap included",
      none,
      () => {
        const usage = process.memoryUsage();
        return usage.heapUsed + usage.external;
      },
    ),
    metrics.observedGauge(
      "otelcol_process_runtime_total_sys_memory_bytes",
      "Total bytes of memory obtained from the OS",
      none,
      () => {
        const usage = process.memoryUsage();
        return usage.heapTotal + usage.external;
      },
    ),
  ];
  const stopLag = observeEventLoop(metrics);
  return () => {
    stopLag();
    for (const remove of gauges) remove();
  };
}

/** Each look wakes the process up: twenty a second would be most of what an idle collector takes. */
const lagResolutionMs = 200;

/** The worst and the median lag since the last scrape, in seconds. */
function observeEventLoop(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: lagResolutionMs });
  delay.enable();
  const help = "How late timers of the event loop fired since the last scrape";
  // The histogram holds the timer's own period too.
  const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - lagResolutionMs / 1e3);
  const removals = [
    metrics.observedGauge("flamepipe_event_loop_lag_seconds", help, { quantile: "0.5" }, () =>
      seconds(delay.percentile(50)),
    ),
    metrics.observedGauge("flamepipe_event_loop_lag_seconds", help, { quantile: "0.99" }, () =>
      seconds(delay.percentile(99)),
    ),
    // Read last: it begins the next window.
    metrics.observedGauge("flamepipe_event_loop_lag_seconds", help, { quantile: "1" }, () => {
      const worst = seconds(delay.max);
      delay.reset();
      return worst;
    }),
  ];
  return () => {
    delay.disable();
    for (const remove of removals) remove();
  };
}
