import type { Settings } from "../../src/component/factory.js";
import type { Trigger } from "../../src/delivery/batcher-options.js";
import { batchByteBuckets, batchSizeBuckets } from "../../src/delivery/export-metrics.js";

export interface BatchMetrics {
  sent(trigger: Trigger, samples: number, bytes: number): void;
  close(): void;
}

export function createBatchMetrics({ metrics, id }: Settings, partitions: () => number): BatchMetrics {
  const labels = { processor: id };
  const bySize = metrics.counter(
    "otelcol_processor_batch_batch_size_trigger_send",
    "Batches sent for their size.",
    labels,
  );
  const byTime = metrics.counter(
    "otelcol_processor_batch_timeout_trigger_send",
    "Batches sent because their time was over.",
    labels,
  );
  const samplesSent = metrics.histogram(
    "otelcol_processor_batch_batch_send_size",
    "Samples of a batch.",
    labels,
    batchSizeBuckets,
  );
  const bytesSent = metrics.histogram(
    "otelcol_processor_batch_batch_send_size_bytes",
    "Bytes of a batch.",
    labels,
    batchByteBuckets,
  );
  const close = metrics.observedGauge(
    "otelcol_processor_batch_metadata_cardinality",
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
