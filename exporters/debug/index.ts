import type { ExporterFactory } from "../../src/component/factory.js";
import { type DebugConfig, debugSchema } from "./config.js";
import { createDebugExporter } from "./debug-exporter.js";

/** Prints what passes. */
export const debug: ExporterFactory<DebugConfig> = {
  kind: "exporter",
  type: "debug",
  stability: "beta",
  summary: "Prints what passes: counts, tables of the hottest functions, or everything.",
  signals: ["profiles"],
  schema: debugSchema,
  create: (settings, config) => createDebugExporter(settings, config),
};
