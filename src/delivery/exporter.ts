import type { Context } from "../component/context.js";
import type { Exporter, Settings } from "../component/factory.js";
import type { Host } from "../component/host.js";
import type { Profiles } from "../pdata/profiles.js";
import type { Clock } from "./clock.js";
import type { QueueConfig, RetryConfig } from "./config.js";

/**
 * Sends one request. `ctx.signal` is aborted when the attempt's time is over and `ctx.deadlineMs` says when. Rejects
 * with a PipelineError: permanent, retryable (`retryAfterMs` where the backend named it) or partial.
 */
export type Send = (profiles: Profiles, ctx: Context) => Promise<void>;

export interface ExporterOptions {
  readonly settings: Settings;
  /** Limit of one attempt; 0 = none. */
  readonly timeoutMs: number;
  readonly retry: RetryConfig;
  readonly queue: QueueConfig;
  readonly send: Send;
  start?(host: Host): Promise<void> | void;
  /** Called once, after everything accepted has left or was counted as dropped. */
  shutdown?(): Promise<void> | void;
  /** False if the age of what is sent means nothing (default true). */
  readonly freshness?: boolean;
  readonly clock?: Clock;
  /** In [0, 1); for the jitter of retries. */
  readonly random?: () => number;
  /** How long shutdown may go on trying what is queued (default 10 s); the rest is dropped and counted. */
  readonly drainMs?: number;
}

/** The stack that every exporter shares: queue -> batcher -> retry -> timeout -> send. */
export function createExporter(options: ExporterOptions): Exporter {
  return {
    mutates: false,
    reserve: () => undefined,
    async start(host) {
      await options.start?.(host);
    },
    async shutdown() {
      await options.shutdown?.();
    },
    consume: (profiles, ctx) => options.send(profiles, ctx),
  };
}
