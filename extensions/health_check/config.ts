import { z } from "zod";
import { httpServerFields } from "../../src/net/http-config.js";

const responseBodySchema = z
  .strictObject({
    healthy: z.string().default("").describe("Body of the answer when all pipelines run."),
    unhealthy: z.string().default("").describe("Body of the answer when they don't."),
  })
  .optional()
  .describe("Bodies to answer with instead of the JSON status.");

// The Collector takes these and ignores them too.
const collectorPipelineSchema = z
  .strictObject({
    enabled: z.boolean().default(false).describe("Accepted for compatibility."),
    interval: z.string().default("5m").describe("Accepted for compatibility."),
    exporter_failure_threshold: z.int().default(5).describe("Accepted for compatibility."),
  })
  .prefault({})
  .describe("Accepted for compatibility; has no effect, as in the Collector.");

export const healthCheckSchema = z.strictObject({
  endpoint: z
    .string()
    .min(1, 'requires a non-empty "endpoint"')
    .default("localhost:13133")
    .describe("host:port to listen on."),
  path: z.string().startsWith("/", "path must start with /").default("/").describe("Path of the health status."),
  response_body: responseBodySchema,
  check_collector_pipeline: collectorPipelineSchema,
  ...httpServerFields,
});

export type HealthCheckConfig = z.output<typeof healthCheckSchema>;
