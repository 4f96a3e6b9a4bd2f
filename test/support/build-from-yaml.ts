import { connectors } from "../../connectors/index.js";
import { exporters } from "../../exporters/index.js";
import { extensions } from "../../extensions/index.js";
import { processors } from "../../processors/index.js";
import { receivers } from "../../receivers/index.js";
import type { Factories } from "../../src/component/factory.js";
import { loadConfig, type ResolvedConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import { createService, type Service } from "../../src/service/service.js";
import { type Logger, nopLogger } from "../../src/telemetry/log.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.js";
import { createTestComponents, type TestComponents } from "./test-components.js";

/** The factories that ship. */
export const shippedFactories: Factories = { receivers, processors, exporters, connectors, extensions };

export interface BuildOptions {
  readonly test?: TestComponents;
  readonly log?: Logger;
  readonly env?: Readonly<Record<string, string>>;
}

/** A service as the command line would run it, but for its own telemetry. */
export interface Built extends TestComponents {
  readonly config: ResolvedConfig;
  readonly service: Service;
  readonly metrics: Metrics;
}

/** Reads a configuration in which the test components `source` and `sink` are known; throws with all problems listed. */
export async function configFromYaml(text: string, options: BuildOptions = {}): Promise<ResolvedConfig> {
  const test = options.test ?? createTestComponents();
  const { config, problems } = await loadConfig({
    sources: ["test.yaml"],
    env: options.env ?? {},
    readFile: async () => text,
    factories: {
      ...shippedFactories,
      receivers: [...receivers, test.source],
      exporters: [...exporters, test.sink],
    },
  });
  if (!config) throw new Error(problems.map(formatProblem).join("\n"));
  return config;
}

/** Builds all pipelines of a configuration; nothing is started. */
export async function buildFromYaml(text: string, options: BuildOptions = {}): Promise<Built> {
  const test = options.test ?? createTestComponents();
  const config = await configFromYaml(text, { ...options, test });
  const metrics = createMetrics();
  const build = { name: "flamepipe", version: "0.0.0-test" };
  const service = createService(config, { log: options.log ?? nopLogger, metrics, build });
  return { ...test, config, metrics, service };
}

/** Builds and starts it, does `work`, and shuts it down whatever happens; all accepted data has then left. */
export async function withPipelines(
  text: string,
  work: (built: Built) => Promise<void>,
  options: BuildOptions = {},
): Promise<Built> {
  const built = await buildFromYaml(text, options);
  await built.service.start();
  try {
    await work(built);
  } finally {
    await built.service.shutdown();
  }
  return built;
}
