import { z } from "zod";
import type { ConnectorFactory } from "../../src/component/factory.js";

const forwardSchema = z.strictObject({});

/** Hands what it gets to the pipelines that receive from it, as it is. */
export const forward: ConnectorFactory<z.output<typeof forwardSchema>> = {
  kind: "connector",
  type: "forward",
  stability: "beta",
  summary: "Passes data from one pipeline to others, unchanged.",
  signals: ["profiles"],
  schema: forwardSchema,
  create: (_settings, _config, next) => ({
    mutates: false,
    reserve: (profiles) => next.reserve(profiles),
    consume: (profiles, ctx) => next.consume(profiles, ctx),
    async start() {},
    async shutdown() {},
  }),
};
