import { toPipelineError } from "../component/errors.js";
import { type Batcher, createBatcher } from "./batcher.js";
import type { QueueConfig } from "./config.js";
import { createMemoryQueue } from "./memory-queue.js";
import type { Deliver } from "./send.js";
import type { Delivery, DeliveryStages } from "./stages.js";

/** A queue in memory, with a batcher behind it where the configuration asks for one. */
export function createQueued(config: QueueConfig, stages: DeliveryStages): Delivery {
  const batcher = config.batch.enabled ? createQueueBatcher(config, stages) : undefined;
  const queue = createMemoryQueue(
    config,
    {
      deliver: batcher ? (...item) => batcher.add(...item) : oneByOne(stages),
      // What the batcher holds keeps its room in the queue, so that the queue's bound is the batcher's.
      consumers: batcher ? Number.POSITIVE_INFINITY : config.num_consumers,
      held: batcher?.pending,
      settled: stages.settled,
      refused: stages.refused,
    },
    stages.clock,
  );
  return {
    consume: (profiles, ctx) => queue.consume(profiles, ctx),
    reserve: (profiles) => queue.reserve(profiles),
    queue,
    async drain() {
      const drained = queue.drain();
      await batcher?.drain();
      await drained;
    },
    abandon(error) {
      queue.abandon(error);
      batcher?.abandon(error);
    },
  };
}

function oneByOne({ send }: DeliveryStages): Deliver {
  return (profiles, ctx, done) => {
    send(profiles, ctx).then(
      () => done(undefined),
      (error) => done(toPipelineError(error)),
    );
  };
}

function createQueueBatcher({ batch, num_consumers, wait_for_result }: QueueConfig, stages: DeliveryStages): Batcher {
  const bytes = batch.sizer === "bytes";
  return createBatcher({
    next: stages.send,
    join: stages.join,
    clock: stages.clock,
    minSamples: bytes ? 0 : batch.min_size,
    minBytes: bytes ? batch.min_size : 0,
    limit: { maxSamples: bytes ? 0 : batch.max_size, maxBytes: bytes ? batch.max_size : 0 },
    timeoutMs: batch.flush_timeout,
    metadataKeys: batch.partition.metadata_keys.map((key) => key.toLowerCase()),
    metadataCardinalityLimit: 0,
    concurrency: num_consumers,
    answeredEarly: !wait_for_result,
    onBatch: stages.onBatch,
    onUnattributed: (rejected, error) => stages.settled(rejected, error, true),
  });
}
