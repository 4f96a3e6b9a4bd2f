import type { ProcessorFactory } from "../../src/component/factory.js";
import { type MemoryLimiterConfig, memoryLimiterSchema } from "./config.js";
import { createMemoryLimiter } from "./memory-limiter.js";

/** Refuses data while memory is short. */
export const memoryLimiter: ProcessorFactory<MemoryLimiterConfig> = {
  kind: "processor",
  type: "memory_limiter",
  stability: "beta",
  summary: "Refuses data with a retryable answer while the process uses too much memory; put it first.",
  signals: ["profiles"],
  schema: memoryLimiterSchema,
  create: (settings, config, next) => createMemoryLimiter(settings, config, next),
};
