import { readJfr } from "../../src/codec/jfr.js";
import { parseJfrLabels } from "../../src/codec/jfr-labels.js";
import { type IngestQuery, periodNanoOf } from "./ingest-query.js";
import type { RequestBatch } from "./intake.js";
import { attributesOf, type Label } from "./labels.js";

/** Labels come as a snapshot of what stood in the process, far smaller than any recording. */
const maxLabelBytes = 16 * 1024 * 1024;

/**
 * Reads a JFR recording into a request's batch, with the labels that Pyroscope's Java agent sends beside it ("" = none).
 * What the agent sampled becomes the label jfr_event, as Pyroscope has it.
 */
export function addRecording(
  batch: RequestBatch,
  query: IngestQuery,
  seriesLabels: readonly Label[],
  jfr: Buffer,
  labels: Buffer | undefined,
): void {
  const { builder, maxBytes } = batch;
  const { timeUnixNano, durationNano } = query;
  const snapshot = labels && labels.length > 0 ? parseJfrLabels(labels, Math.min(maxBytes, maxLabelBytes)) : undefined;
  const periodNano = periodNanoOf(query);
  const recording = readJfr(builder, jfr, { maxBytes, timeUnixNano, durationNano, periodNano, labels: snapshot });
  const event: Label[] = seriesLabels.some(([key]) => key === "jfr_event") ? [] : [["jfr_event", recording.event]];
  const series = batch.series(attributesOf("", [...seriesLabels, ...event]));
  recording.addTo(series.scope);
}
