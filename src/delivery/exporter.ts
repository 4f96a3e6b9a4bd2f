import { withContext } from "../component/context.js";
import { type PipelineError, toPipelineError } from "../component/errors.js";
import type { Exporter, Settings } from "../component/factory.js";
import type { Host } from "../component/host.js";
import { startSpan } from "../telemetry/trace.js";
import type { Join } from "./batcher-options.js";
import { shuttingDown } from "./caller.js";
import { type Clock, systemClock } from "./clock.js";
import type { QueueConfig, RetryConfig } from "./config.js";
import { createDirect } from "./direct.js";
import { dropReason, rejectedOf } from "./drops.js";
import { createExportMetrics } from "./export-metrics.js";
import { createFailureLog } from "./failure-log.js";
import { pdataJoin } from "./pdata-join.js";
import { createQueued } from "./queued.js";
import { createRetry } from "./retry.js";
import type { Send } from "./send.js";
import type { DeliveryStages } from "./stages.js";
import { createAttempts } from "./timeout.js";

export type { Send } from "./send.js";

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
  /** For tests whose profiles are none of pdata's. */
  readonly join?: Join;
}

const defaultDrainMs = 10_000;

/** The stack that every exporter shares: queue -> batcher -> retry -> timeout -> send. */
export function createExporter(options: ExporterOptions): Exporter {
  const { settings, queue: config, clock = systemClock, random = Math.random } = options;
  const metrics = createExportMetrics(settings, clock, options.freshness ?? true);
  const failures = createFailureLog(settings.log, clock);
  const attempts = createAttempts(options.send, options.timeoutMs, clock);
  const retry = createRetry(attempts.send, { config: options.retry, clock, random, log: settings.log });
  const send = traced(metrics.observed(retry.send), settings.id);

  let stopping: Promise<void> | undefined;

  function settled(samples: number, error: PipelineError | undefined, answered: boolean): void {
    if (!error) {
      failures.succeeded();
      return;
    }
    const failed = error.kind === "partial" ? rejectedOf(error, samples) : samples;
    const reason = dropReason(
      error,
      stopping ? "shutdown" : options.retry.enabled ? "retries_exhausted" : "retry_disabled",
    );
    // Shed data was never tried: it is lost, but no sending failed.
    if (reason !== "queue_full_oldest") metrics.failed(failed);
    if (answered) metrics.dropped(reason, failed);
    failures.failed(failed, error, answered);
  }

  const stages: DeliveryStages = {
    send,
    settled,
    refused: (samples) => metrics.enqueueFailed(samples),
    onBatch: (_trigger, samples, bytes) => metrics.batch(samples, bytes),
    clock,
    join: options.join ?? pdataJoin,
  };
  const delivery = config.enabled ? createQueued(config, stages) : createDirect(stages);
  if (delivery.queue) metrics.watch(delivery.queue);

  async function stop(): Promise<void> {
    failures.quiet();
    retry.stop();
    const drained = delivery.drain();
    const timer = clock.setTimer(() => {
      attempts.abort(shuttingDown());
      delivery.abandon(shuttingDown());
    }, options.drainMs ?? defaultDrainMs);
    await drained;
    clock.clearTimer(timer);
    const lost = failures.lostWhileQuiet();
    if (lost > 0)
      settings.log.error("Shutting down. Dropping data that the backend did not take.", { dropped_items: lost });
    metrics.close();
    await options.shutdown?.();
  }

  return {
    mutates: false,
    consume: delivery.consume,
    reserve: delivery.reserve,
    async start(host) {
      await options.start?.(host);
    },
    shutdown() {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** A span around each delivery, retries included, where somebody listens; the backend is told of it. */
function traced(send: Send, exporter: string): Send {
  const name = `exporter/${exporter}/ProfilesExported`;
  const attributes = { exporter };
  return (profiles, ctx) => {
    const span = startSpan(name, ctx.span, attributes);
    if (!span) return send(profiles, ctx);
    return send(profiles, withContext(ctx, { span: span.context })).then(
      () => span.end(),
      (error) => {
        span.end(undefined, toPipelineError(error));
        throw error;
      },
    );
  };
}
