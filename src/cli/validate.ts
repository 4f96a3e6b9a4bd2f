import { createService } from "../service/service.js";
import { nopLogger } from "../telemetry/log.js";
import { nopMetrics } from "../telemetry/metric-levels.js";
import { buildAt, readConfiguration, requireConfig } from "./configuration.js";
import type { CliIo } from "./io.js";
import type { ConfigOptions } from "./options.js";

/** Resolves if the configuration is valid and its pipelines can be built; throws CliError otherwise. Starts nothing. */
export async function validate(options: ConfigOptions, io: CliIo): Promise<void> {
  const loaded = await readConfiguration(options, io);
  for (const line of loaded.warningLines) io.stderr.write(`${line}\n`);
  const config = requireConfig(loaded);
  const settings = { log: nopLogger, metrics: nopMetrics, build: { name: "flamepipe", version: io.version } };
  buildAt(loaded, () => createService(config, settings));
}
