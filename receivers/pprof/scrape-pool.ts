import { setMaxListeners } from "node:events";
import type { Consumer } from "../../src/component/consumer.js";
import { background, withContext } from "../../src/component/context.js";
import type { PipelineError } from "../../src/component/errors.js";
import type { Settings } from "../../src/component/factory.js";
import type { Clock } from "../../src/delivery/clock.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { compileRules } from "../../src/relabel/config.js";
import { Baseline, type BaselineBudget } from "./baselines.js";
import type { ScrapeConfig } from "./config.js";
import { createScrapeClient, pprofOf, type ScrapeClient, scrapeError } from "./fetch.js";
import type { ScrapeMetrics } from "./metrics.js";
import { decodeScrape, TargetAttributes } from "./scrape.js";
import { createLoop, type Loop, offsetOf } from "./scrape-loop.js";
import { resolveTargets, type ScrapeTarget, type TargetGroup } from "./target.js";

/** What the pipeline is given at shutdown gets this long to be taken. */
const shutdownGraceMs = 5000;

/** What the pools of a receiver share. */
export interface PoolParts {
  readonly settings: Settings;
  readonly next: Consumer;
  readonly clock: Clock;
  readonly budget: BaselineBudget;
  readonly metrics: ScrapeMetrics;
}

/** The targets of one scrape config. */
export interface ScrapePool {
  readonly targetCount: number;
  /** From now on these are the targets; those that stay keep their rhythm and what is known of them. */
  sync(groups: readonly TargetGroup[]): void;
  shutdown(): Promise<void>;
}

export function createScrapePool(config: ScrapeConfig, parts: PoolParts): ScrapePool {
  const { settings, clock } = parts;
  const rules = compileRules(config.relabel_configs);
  const client = createScrapeClient(config, settings);
  const loops = new Map<string, Loop>();
  const ending = new Set<Promise<void>>();
  /** Aborted when what is under way at shutdown has had its time. */
  const cutOff = new AbortController();
  // Of many targets' batches that wait in the pipeline.
  setMaxListeners(0, cutOff.signal);
  let stopped = false;
  const log = settings.log.with({ job: config.job_name });
  let ignoring = false;
  let badBefore = "";

  function start(target: ScrapeTarget): Loop {
    const scraper = createScraper(target, config, client, cutOff.signal, parts);
    const offset = offsetOf(target.key, config.scrape_interval);
    const loop = createLoop(clock, config.scrape_interval, offset, scraper.scrape);
    loop.start();
    return {
      start: loop.start,
      async stop() {
        const done = loop.stop();
        scraper.cancel();
        await done;
        scraper.close();
      },
    };
  }

  return {
    get targetCount() {
      return loops.size;
    },
    sync(groups) {
      if (stopped) return;
      const { targets, bad, ignored } = resolveTargets(groups, config, rules);
      for (const [key, loop] of loops) {
        if (targets.has(key)) continue;
        loops.delete(key);
        const ended = loop.stop();
        ending.add(ended);
        void ended.then(() => ending.delete(ended));
      }
      for (const [key, target] of targets) if (!loops.has(key)) loops.set(key, start(target));
      if (ignored > 0 && !ignoring)
        log.warn("Too many targets; the rest is ignored", { ignored, max: config.max_targets });
      ignoring = ignored > 0;
      const badNow = bad.map(({ address }) => address).join("\n");
      if (bad.length > 0 && badNow !== badBefore) {
        log.warn("Some targets can't be scraped as they are", { count: bad.length, ...bad[0] });
      }
      badBefore = badNow;
    },
    async shutdown() {
      stopped = true;
      const timer = clock.setTimer(() => cutOff.abort(), shutdownGraceMs);
      await Promise.all([...[...loops.values()].map((loop) => loop.stop()), ...ending]);
      clock.clearTimer(timer);
      loops.clear();
      await client.close();
    },
  };
}

/** Scrapes one profile of one target, and remembers how it went. */
function createScraper(
  target: ScrapeTarget,
  config: ScrapeConfig,
  client: ScrapeClient,
  cutOff: AbortSignal,
  { settings, next, budget, metrics }: PoolParts,
) {
  const baseline = new Baseline(budget);
  const { version } = settings.build;
  const attributes = new TargetAttributes(target);
  const scope = { name: `${settings.build.name}/receivers/pprof`, version };
  const { host, origin, pathname } = new URL(target.url);
  const log = settings.log.with({ job: config.job_name, target: origin + pathname, profile: target.name });
  const maxBytes = config.max_body_size;
  const ctx = withContext(background, {
    client: { address: host, auth: {}, transport: "http" },
    signal: cutOff,
  });
  let failing = "";
  // One per scrape: signals that live long gather what listens to them.
  let fetching = new AbortController();
  let cancelled = false;

  function failed(error: PipelineError): void {
    metrics.errored(error.reason);
    if (failing === error.reason) return;
    failing = error.reason;
    log.warn("A target can't be scraped", { reason: error.reason, error: error.message });
  }

  function worked(): void {
    if (failing !== "") log.info("A target can be scraped again", { reason: failing });
    failing = "";
  }

  async function fetchAndDecode() {
    fetching = new AbortController();
    const { signal } = fetching;
    const answer = await client.get(target.url, { timeoutMs: target.timeoutMs, maxBytes, signal });
    return decodeScrape(pprofOf(answer, maxBytes), target, attributes, baseline, maxBytes, scope);
  }

  async function handOver(profiles: Profiles, commit: () => void): Promise<void> {
    if (profiles.sampleCount === 0) return commit();
    metrics.scraped(profiles.sampleCount);
    // Refused: counted behind us. Differences then go on from the scrape before, so that nothing is lost of them.
    await next.consume(profiles, ctx).then(commit, () => {});
  }

  return {
    async scrape(): Promise<void> {
      let scraped: Awaited<ReturnType<typeof fetchAndDecode>>;
      try {
        scraped = await fetchAndDecode();
      } catch (caught) {
        if (!cancelled) failed(scrapeError(caught));
        return;
      }
      worked();
      const { batch, commit } = scraped;
      if (!batch) commit();
      else await batch.handOn((profiles) => handOver(profiles, commit));
    },
    /** Gives up the request that is under way; what has come goes on. */
    cancel() {
      cancelled = true;
      fetching.abort();
    },
    close: () => baseline.set(undefined),
  };
}
