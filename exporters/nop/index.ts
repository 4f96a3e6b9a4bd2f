import { z } from "zod";
import type { ExporterFactory } from "../../src/component/factory.js";

const nopSchema = z.strictObject({});

/** Takes everything and keeps nothing. */
export const nop: ExporterFactory<z.output<typeof nopSchema>> = {
  kind: "exporter",
  type: "nop",
  stability: "beta",
  summary: "Takes everything and throws it away; for tests and dry runs.",
  signals: ["profiles"],
  schema: nopSchema,
  create: () => ({
    mutates: false,
    reserve: () => undefined,
    async consume() {},
    async start() {},
    async shutdown() {},
  }),
};
