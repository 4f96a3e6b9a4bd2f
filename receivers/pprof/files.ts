import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Consumer } from "../../src/component/consumer.js";
import { background } from "../../src/component/context.js";
import { permanent, toPipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import { glob } from "../../src/files/glob.js";
import { keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { PprofReceiverConfig } from "./config.js";
import { scrapeError } from "./fetch.js";
import { decodeFile } from "./file-format.js";
import type { ScrapeMetrics } from "./metrics.js";
import { resourceAttributes } from "./scrape.js";
import { createLoop, type Loop } from "./scrape-loop.js";

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/** Reads files of profiles: once, or whenever one is new or has changed. */
export interface FileReader {
  start(): void;
  stop(): Promise<void>;
}

export function createFileReader(
  config: PprofReceiverConfig,
  settings: Settings,
  next: Consumer,
  clock: Clock,
  metrics: ScrapeMetrics,
): FileReader {
  const { log } = settings;
  const scope = { name: `${settings.build.name}/receivers/pprof`, version: settings.build.version };
  const labels = new Map(Object.entries({ service_name: "unspecified", ...config.files_labels }));
  /** Size and time of what was read, by path. */
  const seen = new Map<string, string>();
  let stopped = false;
  let wake = () => {};
  let first: Promise<void> = Promise.resolve();
  let loop: Loop | undefined;

  async function readAll(): Promise<void> {
    let paths: string[];
    try {
      paths = [...new Set((await Promise.all(config.files.map((pattern) => glob(pattern)))).flat())];
    } catch (error) {
      log.warn("Files can't be found", { error: (error as Error).message });
      return;
    }
    for (const path of seen.keys()) if (!paths.includes(path)) seen.delete(path);
    for (const path of paths) {
      if (stopped) return;
      await readOne(path);
    }
  }

  async function readOne(path: string): Promise<void> {
    try {
      const { size, mtimeMs, ino } = await stat(path);
      const stamp = `${size} ${mtimeMs} ${ino}`;
      if (seen.get(path) === stamp) return;
      seen.set(path, stamp);
      if (size > config.max_file_size) {
        throw permanent(`larger than max_file_size (${config.max_file_size} bytes)`, { reason: "too_large" });
      }
      const file = { path, bytes: await readFile(path), modifiedMs: mtimeMs };
      const attributes = [...resourceAttributes(labels), keyValue("file.path", stringValue(resolve(path)))];
      await handOver(() => decodeFile(file, config, attributes, scope));
    } catch (caught) {
      const error = scrapeError(caught);
      metrics.errored(error.reason);
      log.warn("A file can't be read", { file: path, error: error.message });
    }
  }

  /** A file waits on disk: while nobody takes it, it is offered again. */
  async function handOver(make: () => Profiles): Promise<void> {
    for (let waitMs = firstRetryMs; !stopped; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      const profiles = make();
      if (profiles.sampleCount === 0) return;
      try {
        const samples = profiles.sampleCount;
        await next.consume(profiles, background);
        metrics.scraped(samples);
        return;
      } catch (caught) {
        const error = toPipelineError(caught);
        if (error.kind === "partial") return;
        if (error.kind !== "retryable") throw error;
        await pause(Math.max(waitMs, error.retryAfterMs ?? 0));
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer: Timer = clock.setTimer(done, ms);
      wake = () => {
        clock.clearTimer(timer);
        done();
      };
      if (stopped) wake();
    });
  }

  return {
    start() {
      first = readAll().then(() => {
        if (stopped || config.files_poll_interval <= 0) return;
        loop = createLoop(clock, Math.max(100, config.files_poll_interval), 0, readAll);
        loop.start();
      });
    },
    async stop() {
      stopped = true;
      wake();
      await first;
      await loop?.stop();
    },
  };
}
