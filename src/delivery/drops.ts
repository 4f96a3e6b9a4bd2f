import type { PipelineError } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import type { Counter } from "../telemetry/metrics.js";

/** Why samples that a sender was told are safe were lost nevertheless. The set is closed: it is a metric label. */
export const dropReasons = [
  "permanent",
  "retries_exhausted",
  "retry_disabled",
  "partial",
  "too_large",
  "too_old",
  "refused",
  "queue_full_oldest",
  "shutdown",
] as const;

export type DropReason = (typeof dropReasons)[number];

/** Counts lost samples of one component in flamepipe_dropped_samples_total. */
export interface Drops {
  add(reason: DropReason, samples: number): void;
}

export function createDrops(settings: Settings): Drops {
  const counters = new Map<DropReason, Counter>();
  return {
    add(reason, samples) {
      if (samples === 0) return;
      let counter = counters.get(reason);
      if (!counter) {
        counter = settings.metrics.counter(
          "flamepipe_dropped_samples_total",
          "Samples that were accepted and then lost or discarded, by reason.",
          { component: settings.id, reason },
        );
        counters.set(reason, counter);
      }
      counter.add(samples);
    },
  };
}

/** The reason under which a final error is counted; `otherwise` for a retryable one that gives none. */
export function dropReason(error: PipelineError, otherwise: DropReason): DropReason {
  const named = dropReasons.find((reason) => reason === error.reason);
  if (named) return named;
  if (error.kind === "retryable") return otherwise;
  return error.kind === "partial" ? "partial" : "permanent";
}

/** The rejected samples that a partial answer names, within what was sent. */
export function rejectedOf(error: PipelineError, samples: number): number {
  return Math.min(Math.max(error.rejectedSamples, 0), samples);
}
