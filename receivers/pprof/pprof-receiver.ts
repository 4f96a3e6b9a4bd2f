import type { Consumer } from "../../src/component/consumer.js";
import type { Receiver, Settings } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import { BaselineBudget } from "./baselines.js";
import type { PprofReceiverConfig, ScrapeConfig } from "./config.js";
import type { Discovery } from "./discovery.js";
import { createFileDiscovery } from "./file-discovery.js";
import { createFileReader } from "./files.js";
import { createHttpDiscovery } from "./http-discovery.js";
import { createScrapeMetrics } from "./metrics.js";
import { createScrapePool, type PoolParts } from "./scrape-pool.js";

/** Scrapes targets and reads files. `create` makes nothing that lives; `start` does. */
export function createPprofReceiver(
  settings: Settings,
  config: PprofReceiverConfig,
  next: Consumer,
  clock: Clock = systemClock,
): Receiver {
  const budget = new BaselineBudget(config.max_delta_bytes);
  let jobs: Job[] = [];
  const files = createFileReader(config, settings, next, clock, createScrapeMetrics(settings, "pprof_files"));
  let stopped: Promise<void> | undefined;
  let forget: (() => void)[] = [];

  return {
    async start(host) {
      const parts = { settings, next, clock, budget, metrics: createScrapeMetrics(settings, "pprof") };
      jobs = config.scrape_configs.map((each) => createJob(named(each, settings.id), parts, host));
      for (const job of jobs) await job.start();
      files.start();
      const labels = { receiver: settings.id };
      const { metrics } = settings;
      forget = [
        metrics.observedGauge("flamepipe_scrape_targets", "Profiles of targets that are scraped.", labels, () =>
          jobs.reduce((sum, job) => sum + job.targetCount, 0),
        ),
        metrics.observedGauge(
          "flamepipe_scrape_delta_bytes",
          "Memory for the values of earlier scrapes.",
          labels,
          () => budget.usedBytes,
        ),
      ];
    },
    shutdown() {
      stopped ??= Promise.all([files.stop(), ...jobs.map((job) => job.stop())]).then(() => {
        for (const each of forget) each();
      });
      return stopped;
    },
  };
}

function named(config: ScrapeConfig, id: string): ScrapeConfig {
  return config.job_name === "" ? { ...config, job_name: id } : config;
}

interface Job {
  readonly targetCount: number;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** One scrape config: its pool, and the discoveries that feed it. */
function createJob(config: ScrapeConfig, parts: PoolParts, host: Host): Job {
  const { settings, clock } = parts;
  const pool = createScrapePool(config, parts);
  const log = settings.log.with({ job: config.job_name });
  const discoveries: Discovery[] = [
    ...config.file_sd_configs.map((each) =>
      createFileDiscovery(each, clock, log, (text) => host.parseYaml(text), sync),
    ),
    ...config.http_sd_configs.map((each) => createHttpDiscovery(each, clock, log, settings, sync)),
  ];

  function sync(): void {
    pool.sync([...config.static_configs, ...discoveries.flatMap((discovery) => discovery.groups())]);
  }

  return {
    get targetCount() {
      return pool.targetCount;
    },
    async start() {
      sync();
      for (const discovery of discoveries) await discovery.start();
    },
    async stop() {
      await Promise.all(discoveries.map((discovery) => discovery.stop()));
      await pool.shutdown();
    },
  };
}
