import type { ProcessorFactory } from "../../src/component/factory.js";
import { createBatchProcessor } from "./batch-processor.js";
import { type BatchConfig, batchSchema } from "./config.js";

/** Joins requests into fewer, larger ones. */
export const batch: ProcessorFactory<BatchConfig> = {
  kind: "processor",
  type: "batch",
  stability: "beta",
  summary:
    "Joins requests: one dictionary, equal resources and scopes once; senders are answered when the batch is taken.",
  signals: ["profiles"],
  schema: batchSchema,
  create: (settings, config, next) => createBatchProcessor(settings, config, next),
};
