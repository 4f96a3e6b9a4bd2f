import type { Settings } from "../../src/component/factory.js";
import type { Trigger } from "../../src/delivery/batcher.js";
import { batchByteBuckets, batchSizeBuckets } from "../../src/delivery/export-metrics.js";

export interface BatchMetrics {
  sent(trigger: Trigger, samples: number, bytes: number): void;
  close(): void;
}

export function createBatchMetrics({ metrics, id }: Settings, partitions: () => number): BatchMetrics {
  const labels = { processor: id };
  const name = (suffix: string) => `otelcol_processor_batch_${suffix}`;
  const bySize = metrics.counter(name("batch_size_trigger_send"), "Batches sent for their size.", labels);
  const byTime = metrics.counter(name("timeout_trigger_send"), "Batches sent because their time was over.", labels);
  const samplesSent = metrics.histogram(name("batch_send_size"), "Samples of a batch.", labels, batchSizeBuckets);
  const bytesSent = metrics.histogram(name("batch_send_size_bytes"), "Bytes of a batch.", labels, batchByteBuckets);
  const close = metrics.observedGauge(
    name("metadata_cardinality"),
    "Combinations of metadata values that are batched on their own.",
    labels,
    partitions,
  );
  return {
    sent(trigger, samples, bytes) {
      (trigger === "size" ? bySize : byTime).add(1);
      samplesSent.observe(samples);
      bytesSent.observe(bytes);
    },
    close,
  };
}
