import type { Exporter, ExporterFactory, Settings } from "../../src/component/factory.js";
import { createExporter } from "../../src/delivery/exporter.js";
import { createHttpClient } from "../../src/net/http-client.js";
import { type PyroscopeConfig, pyroscopeSchema } from "./config.js";
import { createSender } from "./send.js";

function createPyroscopeExporter(settings: Settings, config: PyroscopeConfig): Exporter {
  // The pprof inside is compressed; compressing around it once more gains nothing.
  const client = createHttpClient({ ...config, compression: "none" }, settings);
  return createExporter({
    settings,
    // One attempt is many pushes, each with the limit that `timeout` sets.
    timeoutMs: 0,
    retry: config.retry_on_failure,
    queue: config.sending_queue,
    send: createSender({ settings, config, client, nowMs: Date.now }),
    shutdown: () => client.close(),
  });
}

/** pprof to Grafana Pyroscope by its push API, under the names that its own agents use. */
export const pyroscope: ExporterFactory<PyroscopeConfig> = {
  kind: "exporter",
  type: "pyroscope",
  stability: "beta",
  summary: "pprof to Grafana Pyroscope, named as its own agents do",
  signals: ["profiles"],
  schema: pyroscopeSchema,
  create: createPyroscopeExporter,
};
