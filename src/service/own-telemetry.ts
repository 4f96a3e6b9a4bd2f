import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Settings } from "../component/factory.js";
import type { TelemetryConfig } from "../config/telemetry.js";
import type { Logger } from "../telemetry/log.js";
import { createLogger, type LineSink, type LogLevel } from "../telemetry/logger.js";
import { createHiddenMetrics, limitMetrics } from "../telemetry/metric-levels.js";
import type { Metrics } from "../telemetry/metrics.js";
import { enableTracing } from "../telemetry/trace.js";
import { createMetricsServer } from "./metrics-server.js";
import type { Attendant } from "./service.js";

/** Logs, metrics and spans of the collector itself, as service.telemetry asks for them. */
export interface OwnTelemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Serve metrics; to be started before the pipelines and stopped after them. */
  readonly attendants: readonly Attendant[];
}

/** Opens log files; opens no port. `sinks` instead of the configured log outputs are for tests. */
export async function createOwnTelemetry(
  config: TelemetryConfig,
  build: Settings["build"],
  sinks?: readonly LineSink[],
): Promise<OwnTelemetry> {
  const log = createLog(config.logs, sinks);
  if (config.traces.level !== "none" && (await enableTracing()))
    log.info("Spans go to the registered OpenTelemetry SDK.");
  if (!config.metrics.enabled) return { log, metrics: createHiddenMetrics(), attendants: [] };
  // prom-client is not loaded where nobody asks for metrics.
  const [{ createMetrics }, { observeProcess }] = await Promise.all([
    import("../telemetry/metrics.js"),
    import("../telemetry/process-metrics.js"),
  ]);
  const metrics = limitMetrics(createMetrics(), config.metrics.level);
  const server = createMetricsServer(metrics, config.metrics.host, config.metrics.port, log);
  const resource = targetLabels(config.resource, build);
  let stopObserving = () => {};
  return {
    log,
    metrics,
    attendants: [
      {
        async start() {
          await server.start();
          stopObserving = observeProcess(metrics, { resource });
          log.info("Serving own metrics", { endpoint: `http://${config.metrics.host}:${server.port()}/metrics` });
        },
        async shutdown() {
          stopObserving();
          await server.shutdown();
        },
      },
    ],
  };
}

function createLog(logs: TelemetryConfig["logs"], sinks: readonly LineSink[] | undefined): Logger {
  const level: LogLevel =
    logs.level === "debug" || logs.level === "info" || logs.level === "warn" ? logs.level : "error";
  const { enabled, tick, initial, thereafter } = logs.sampling;
  return createLogger(
    {
      level,
      encoding: logs.encoding,
      outputPaths: logs.output_paths,
      sampling: { enabled, tickMs: tick, initial, thereafter },
      initialFields: logs.initial_fields,
    },
    sinks,
  );
}

/** Resource attributes as labels of target_info: dots become underscores, as everywhere in Prometheus. */
function targetLabels(configured: TelemetryConfig["resource"], build: Settings["build"]): Record<string, string> {
  const attributes: Record<string, string | null> = {
    "service.name": build.name,
    "service.version": build.version,
    "service.instance.id": randomUUID(),
    "host.name": hostname(),
    ...configured,
  };
  const labels: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) labels[name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_")] = value;
  }
  return labels;
}
