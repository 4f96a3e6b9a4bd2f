import type { ProcessorFactory } from "../../src/component/factory.js";
import { type ResourceConfig, resourceSchema } from "./config.js";
import { createResourceProcessor } from "./resource-processor.js";

/** Edits the attributes of resources. */
export const resource: ProcessorFactory<ResourceConfig> = {
  kind: "processor",
  type: "resource",
  stability: "beta",
  summary: "Edits resource attributes: insert, update, upsert, delete, hash, extract, convert.",
  signals: ["profiles"],
  schema: resourceSchema,
  create: (_settings, config, next) => createResourceProcessor(config, next),
};
