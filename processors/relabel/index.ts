import type { ProcessorFactory } from "../../src/component/factory.js";
import { type RelabelConfig, relabelSchema } from "./config.js";
import { createRelabelProcessor } from "./relabel-processor.js";

/** Applies Prometheus' relabel rules. */
export const relabel: ProcessorFactory<RelabelConfig> = {
  kind: "processor",
  type: "relabel",
  stability: "beta",
  summary: "Applies Prometheus' relabel rules to resources, profiles or samples; keep and drop filter them.",
  signals: ["profiles"],
  schema: relabelSchema,
  create: (settings, config, next) => createRelabelProcessor(settings, config, next),
};
