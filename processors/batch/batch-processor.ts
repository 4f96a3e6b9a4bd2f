import type { Consumer } from "../../src/component/consumer.js";
import { type Context, withContext } from "../../src/component/context.js";
import { type PipelineError, retryable } from "../../src/component/errors.js";
import type { Processor, Settings } from "../../src/component/factory.js";
import { createBatcher } from "../../src/delivery/batcher.js";
import type { Join } from "../../src/delivery/batcher-options.js";
import { shuttingDown } from "../../src/delivery/caller.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import { createConditionLog } from "../../src/delivery/condition-log.js";
import { createDrops, dropReason, rejectedOf } from "../../src/delivery/drops.js";
import { watchQueuedSamples } from "../../src/delivery/export-metrics.js";
import { pdataJoin } from "../../src/delivery/pdata-join.js";
import type { Done } from "../../src/delivery/send.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { createBatchMetrics } from "./batch-metrics.js";
import type { BatchConfig } from "./config.js";

/** What may be pending and on its way together; more is refused with 503. A single larger request is let in alone. */
const maxHeldBytes = 256 * 1024 * 1024;
const maxHeldRequests = 10_000;

/** How long shutdown waits for the next stage before it aborts what is on its way, and then before it lets go. */
const drainMs = 10_000;
const abortMs = 1000;

const taken = Promise.resolve();

export interface BatchParts {
  readonly clock?: Clock;
  readonly join?: Join;
}

export function createBatchProcessor(
  settings: Settings,
  config: BatchConfig,
  next: Consumer,
  { clock = systemClock, join = pdataJoin }: BatchParts = {},
): Processor {
  const { log } = settings;
  const drops = createDrops(settings);
  const losing = createConditionLog(clock);
  let heldBytes = 0;
  let heldRequests = 0;
  let heldSamples = 0;
  let stopping: Promise<void> | undefined;

  const batcher = createBatcher({
    next: (profiles, ctx) => next.consume(profiles, ctx),
    join,
    clock,
    minSamples: config.send_batch_size,
    minBytes: config.send_batch_size_bytes,
    limit: { maxSamples: config.send_batch_max_size, maxBytes: config.send_batch_max_size_bytes },
    timeoutMs: config.timeout,
    metadataKeys: config.metadata_keys.map((key) => key.toLowerCase()),
    metadataCardinalityLimit: config.metadata_cardinality_limit,
    // Senders (or the bound on what is held) limit the batches on their way: one slow batch must not hold up others.
    concurrency: Number.POSITIVE_INFINITY,
    answeredEarly: config.early_ack,
    onBatch: (trigger, samples, bytes) => metrics.sent(trigger, samples, bytes),
    onUnattributed: lost,
  });
  const metrics = createBatchMetrics(settings, () => batcher.partitions());
  const unwatch = watchQueuedSamples(settings, () => (config.early_ack ? heldSamples : 0));

  /** Samples are gone whose senders were told "taken". */
  function lost(samples: number, error: PipelineError): void {
    drops.add(dropReason(error, stopping ? "shutdown" : "refused"), samples);
    const fields = { error: error.message, dropped_items: samples };
    losing.raise((repeats) => log.error("Sending a batch failed. Dropping data.", { ...fields, repeats }));
  }

  function hold(profiles: Profiles, ctx: Context, done: Done): void {
    const { byteSize, sampleCount } = profiles;
    heldBytes += byteSize;
    heldSamples += sampleCount;
    heldRequests++;
    let arrived = 0;
    const settled: Done = (error) => {
      heldBytes -= byteSize;
      heldSamples -= sampleCount - arrived;
      heldRequests--;
      if (!error) losing.clear();
      done(error);
    };
    batcher.add(profiles, ctx, settled, (samples) => {
      arrived += samples;
      heldSamples -= samples;
    });
  }

  function isFull(bytes: number): boolean {
    return heldRequests >= maxHeldRequests || (heldRequests > 0 && heldBytes + bytes > maxHeldBytes);
  }

  function consume(profiles: Profiles, ctx: Context): Promise<void> {
    if (stopping) return Promise.reject(shuttingDown());
    if (isFull(profiles.byteSize)) {
      return Promise.reject(retryable("the batch processor holds as much as it may", { reason: "queue_full" }));
    }
    if (!config.early_ack) {
      return new Promise((resolve, reject) => {
        hold(profiles, ctx, (error) => (error ? reject(error) : resolve()));
      });
    }
    const samples = profiles.sampleCount;
    ctx.reservation?.release();
    const own = withContext(ctx, { signal: undefined, deadlineMs: undefined, reservation: undefined });
    let refusal: PipelineError | undefined;
    let answered = false;
    hold(profiles, own, (error) => {
      // Refused before it was held at all (too many combinations of metadata): the sender can still be told.
      if (!answered && error?.reason === "cardinality") refusal = error;
      else if (error) lost(error.kind === "partial" ? rejectedOf(error, samples) : samples, error);
    });
    answered = true;
    return refusal ? Promise.reject(refusal) : taken;
  }

  async function stop(): Promise<void> {
    const drained = batcher.drain();
    let timer = clock.setTimer(() => {
      batcher.abandon(shuttingDown());
      timer = clock.setTimer(() => batcher.giveUp(shuttingDown()), abortMs);
    }, drainMs);
    await drained;
    clock.clearTimer(timer);
    unwatch();
    metrics.close();
  }

  return {
    mutates: false,
    consume,
    reserve(profiles) {
      if (stopping || isFull(profiles.byteSize)) return "full";
      return config.early_ack ? undefined : next.reserve(profiles);
    },
    async start() {},
    shutdown() {
      stopping ??= stop();
      return stopping;
    },
  };
}
