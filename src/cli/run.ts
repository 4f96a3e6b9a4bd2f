import { createOwnTelemetry } from "../service/own-telemetry.js";
import { runService } from "../service/run.js";
import { createService, type Service } from "../service/service.js";
import { buildAt, readConfiguration, requireConfig } from "./configuration.js";
import { CliError, type CliIo } from "./io.js";
import type { RunOptions } from "./options.js";

/** Runs the collector until it is told to stop; resolves with the exit code. Throws CliError for a bad configuration. */
export async function run(options: RunOptions, io: CliIo): Promise<number> {
  const loaded = await readConfiguration(options, io);
  const config = requireConfig(loaded);
  const build = { name: "flamepipe", version: io.version };
  const { log, metrics, attendants } = await createOwnTelemetry(config.service.telemetry, build).catch(
    (error: Error) => {
      throw new CliError(error.message);
    },
  );
  for (const line of loaded.warningLines) log.warn("Configuration warning", { warning: line });
  const service: Service = buildAt(loaded, () => createService(config, { log, metrics, build }, attendants));
  return runService(service, {
    log,
    stops: io.stops,
    gracePeriodMs: options.gracePeriod,
    pendingSamples: () => metrics.total("flamepipe_queued_samples"),
  });
}
