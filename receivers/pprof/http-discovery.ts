import type { Settings } from "../../src/component/factory.js";
import type { Clock } from "../../src/delivery/clock.js";
import type { Logger } from "../../src/telemetry/log.js";
import type { HttpSdConfig } from "./config.js";
import type { Discovery } from "./discovery.js";
import { createScrapeClient } from "./fetch.js";
import { createLoop } from "./scrape-loop.js";
import type { TargetGroup } from "./target.js";
import { readTargetGroups } from "./target-groups.js";

const maxAnswerBytes = 16 * 1024 * 1024;
const maxTimeoutMs = 30_000;

/** Targets that a server lists. While it doesn't answer, the last list stands. */
export function createHttpDiscovery(
  config: HttpSdConfig,
  clock: Clock,
  log: Logger,
  settings: Settings,
  changed: () => void,
): Discovery {
  const client = createScrapeClient(config, settings);
  const { origin, pathname } = new URL(config.url);
  const url = origin + pathname;
  const gone = new AbortController();
  let groups: readonly TargetGroup[] = [];
  let last = "";
  let failing = false;

  async function ask(): Promise<void> {
    const answer = await client.get(config.url, {
      timeoutMs: Math.min(maxTimeoutMs, config.refresh_interval),
      maxBytes: maxAnswerBytes,
      signal: gone.signal,
    });
    if (answer.status !== 200) throw new Error(`the server answered with HTTP status ${answer.status}`);
    const type = answer.headers["content-type"] ?? "";
    if (!/^application\/json\b/i.test(type))
      throw new Error(`the answer is ${type || "of no type"}, not application/json`);
    if (answer.truncated) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`);
    const text = answer.body.toString("utf8");
    if (text === last) return;
    groups = readTargetGroups(JSON.parse(text), { __meta_url: config.url });
    last = text;
    changed();
  }

  async function refresh(): Promise<void> {
    try {
      await ask();
      if (failing) log.info("Targets are listed again", { url });
      failing = false;
    } catch (error) {
      if (gone.signal.aborted) return;
      if (!failing) log.warn("Targets can't be listed", { url, error: (error as Error).message });
      failing = true;
    }
  }

  const loop = createLoop(clock, Math.max(1000, config.refresh_interval), 0, refresh);
  let first: Promise<void> = Promise.resolve();
  return {
    groups: () => groups,
    async start() {
      // Not awaited: a server that is late must not hold up the start.
      first = refresh();
      loop.start();
    },
    async stop() {
      gone.abort();
      await Promise.all([first, loop.stop()]);
      await client.close();
    },
  };
}
