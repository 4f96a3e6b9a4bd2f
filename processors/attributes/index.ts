import type { ProcessorFactory } from "../../src/component/factory.js";
import { createAttributesProcessor } from "./attributes-processor.js";
import { type AttributesConfig, attributesSchema } from "./config.js";

/** Edits the attributes of profiles, samples, scopes or resources. */
export const attributes: ProcessorFactory<AttributesConfig> = {
  kind: "processor",
  type: "attributes",
  stability: "beta",
  summary: "Edits attributes of profiles, samples, scopes or resources; samples that became equal are joined.",
  signals: ["profiles"],
  schema: attributesSchema,
  create: (_settings, config, next) => createAttributesProcessor(config, next),
};
