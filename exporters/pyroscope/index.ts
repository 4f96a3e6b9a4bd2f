import type { Exporter, ExporterFactory, Settings } from "../../src/component/factory.js";
import type { QueueConfig } from "../../src/delivery/config.js";
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
    queue: queuePerTenant(config),
    send: createSender({ settings, config, client, nowMs: Date.now }),
    shutdown: () => client.close(),
  });
}

/** Senders of different tenants are never batched together, whether or not the configuration says so. */
function queuePerTenant({ tenant, sending_queue: queue }: PyroscopeConfig): QueueConfig {
  const key = tenant?.from_metadata.toLowerCase() ?? "";
  const { metadata_keys: keys } = queue.batch.partition;
  if (key === "" || keys.some((each) => each.toLowerCase() === key)) return queue;
  return { ...queue, batch: { ...queue.batch, partition: { metadata_keys: [...keys, key] } } };
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
