import type { Context } from "../component/context.js";
import { toPipelineError } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import type { Profiles } from "../pdata/profiles.js";
import type { Clock } from "./clock.js";
import { createDrops, type DropReason, rejectedOf } from "./drops.js";
import type { Queue } from "./queue.js";
import type { Send } from "./send.js";

const freshnessBuckets = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
export const batchSizeBuckets = [
  10, 25, 50, 75, 100, 250, 500, 750, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10_000, 20_000, 30_000,
  50_000, 100_000,
];
/** Powers of two from 128 B to 16 MiB. */
export const batchByteBuckets = Array.from({ length: 18 }, (_, i) => 128 * 2 ** i);

/** What one exporter counts. Items are Sample messages. */
export interface ExportMetrics {
  /** `send` with each request counted: in flight, sent, and how old the newest sample was. */
  observed(send: Send): Send;
  failed(samples: number): void;
  enqueueFailed(samples: number): void;
  dropped(reason: DropReason, samples: number): void;
  batch(samples: number, bytes: number): void;
  /** Gauges of the queue; returns a function that takes them away, like `close`. */
  watch(queue: Queue): void;
  close(): void;
}

export function createExportMetrics(settings: Settings, clock: Clock, freshness: boolean): ExportMetrics {
  const { metrics, id } = settings;
  const exporter = { exporter: id };
  const ofProfiles = { exporter: id, data_type: "profiles" };
  const count = (name: string, help: string) => metrics.counter(name, help, exporter);
  const sent = count("otelcol_exporter_sent_profile_samples", "Samples that the backend took.");
  const failed = count("otelcol_exporter_send_failed_profile_samples", "Samples that could not be sent.");
  const enqueueFailed = count("otelcol_exporter_enqueue_failed_profile_samples", "Samples that the queue refused.");
  const age = freshness
    ? metrics.histogram(
        "flamepipe_freshness_seconds",
        "Age of the newest sample of a request when its export succeeded.",
        exporter,
        freshnessBuckets,
      )
    : undefined;
  const drops = createDrops(settings);
  let inFlight = 0;
  const gauges = [
    metrics.observedGauge("otelcol_exporter_in_flight_requests", "Requests being sent.", ofProfiles, () => inFlight),
  ];
  let batchSizes: ReturnType<typeof createBatchSizes> | undefined;

  function delivered(profiles: Profiles, samples: number): void {
    sent.add(samples);
    if (!age) return;
    const newest = profiles.newestTimeUnixNano;
    if (newest > 0n) age.observe(Math.max(0, clock.wallMs() - Number(newest / 1_000_000n)) / 1000);
  }

  return {
    observed: (send) => (profiles: Profiles, ctx: Context) => {
      const samples = profiles.sampleCount;
      inFlight++;
      return send(profiles, ctx).then(
        () => {
          inFlight--;
          delivered(profiles, samples);
        },
        (caught) => {
          inFlight--;
          const error = toPipelineError(caught);
          if (error.kind === "partial") delivered(profiles, samples - rejectedOf(error, samples));
          throw error;
        },
      );
    },
    failed: (samples) => failed.add(samples),
    enqueueFailed: (samples) => enqueueFailed.add(samples),
    dropped: (reason, samples) => drops.add(reason, samples),
    batch(samples, bytes) {
      batchSizes ??= createBatchSizes(settings);
      batchSizes.samples.observe(samples);
      batchSizes.bytes.observe(bytes);
    },
    watch(queue) {
      const gauge = metrics.observedGauge;
      gauges.push(
        gauge("otelcol_exporter_queue_size", "What the queue holds, in its sizer's unit.", ofProfiles, () =>
          queue.size(),
        ),
        gauge(
          "otelcol_exporter_queue_capacity",
          "Room of the queue, in its sizer's unit.",
          ofProfiles,
          () => queue.capacity,
        ),
        gauge(
          "flamepipe_oldest_queued_item_seconds",
          "How long the oldest item has waited for its delivery.",
          exporter,
          () => queue.oldestAgeMs() / 1000,
        ),
        watchQueuedSamples(settings, () => queue.openSamples()),
      );
    },
    close() {
      for (const remove of gauges.splice(0)) remove();
    },
  };
}

/** Samples that a component has answered for and that are neither delivered nor dropped yet. */
export function watchQueuedSamples(settings: Settings, read: () => number): () => void {
  return settings.metrics.observedGauge(
    "flamepipe_queued_samples",
    "Samples that were accepted and are neither delivered nor dropped yet.",
    { component: settings.id },
    read,
  );
}

function createBatchSizes({ metrics, id }: Settings) {
  const labels = { exporter: id };
  return {
    samples: metrics.histogram(
      "otelcol_exporter_queue_batch_send_size",
      "Samples of a batch.",
      labels,
      batchSizeBuckets,
    ),
    bytes: metrics.histogram(
      "otelcol_exporter_queue_batch_send_size_bytes",
      "Bytes of a batch.",
      labels,
      batchByteBuckets,
    ),
  };
}
