import type { ProcessorFactory } from "../../src/component/factory.js";
import { type RedactionConfig, redactionSchema } from "./config.js";
import { createRedactionProcessor } from "./redaction-processor.js";

/** Blanks what must not leave: in attributes and in file names. */
export const redaction: ProcessorFactory<RedactionConfig> = {
  kind: "processor",
  type: "redaction",
  stability: "beta",
  summary: "Blanks what matches a pattern, in attributes and in the names of binaries and source files.",
  signals: ["profiles"],
  schema: redactionSchema,
  create: (_settings, config, next) => createRedactionProcessor(config, next),
};
