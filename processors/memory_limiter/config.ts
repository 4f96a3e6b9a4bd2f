import { z } from "zod";
import { duration } from "../../src/component/schema.js";

const mib = () => z.int().min(0).default(0);
const percentage = () => z.int().min(0).default(0);

/** Durations in milliseconds. */
export type MemoryLimiterConfig = Record<
  | "check_interval"
  | "limit_mib"
  | "spike_limit_mib"
  | "limit_percentage"
  | "spike_limit_percentage"
  | "min_gc_interval_when_soft_limited"
  | "min_gc_interval_when_hard_limited"
  | "max_gc_interval_when_soft_limited"
  | "max_gc_interval_when_hard_limited",
  number
>;

export const memoryLimiterSchema = z
  .strictObject({
    check_interval: duration("0s").describe("How often memory is measured; must be set (1s is a good value)."),
    limit_mib: mib().describe("Hard limit in MiB; wins over `limit_percentage`."),
    spike_limit_mib: mib().describe("The soft limit is this far below the hard one; 0 = 20 % of the limit."),
    limit_percentage: percentage().describe("Hard limit in percent of the memory that the container or machine has."),
    spike_limit_percentage: percentage().describe(
      "As `spike_limit_mib`, in percent of that memory; 0 = 20 % of the limit.",
    ),
    min_gc_interval_when_soft_limited: duration("10s").describe(
      "Shortest time between two collections above the soft limit.",
    ),
    min_gc_interval_when_hard_limited: duration("0s").describe(
      "Shortest time between two collections above the hard limit.",
    ),
    max_gc_interval_when_soft_limited: duration("30s").describe(
      "While collections free little, their interval doubles up to this; 0 = it stays the shortest.",
    ),
    max_gc_interval_when_hard_limited: duration("30s").describe("The same above the hard limit."),
  })
  .superRefine(checkLimits)
  .superRefine(checkIntervals);

function checkLimits(config: MemoryLimiterConfig, ctx: z.RefinementCtx): void {
  const complain = (key: keyof MemoryLimiterConfig, message: string) =>
    ctx.addIssue({ code: "custom", path: [key], message });
  if (config.check_interval <= 0) complain("check_interval", "'check_interval' must be greater than zero");
  if (config.limit_mib === 0 && config.limit_percentage === 0) {
    complain("limit_mib", "'limit_mib' or 'limit_percentage' must be greater than zero");
  }
  if (config.limit_percentage > 100 || config.spike_limit_percentage > 100) {
    complain(
      config.limit_percentage > 100 ? "limit_percentage" : "spike_limit_percentage",
      "'limit_percentage' and 'spike_limit_percentage' must be less than or equal to 100",
    );
  }
  if (config.limit_mib > 0 && config.spike_limit_mib >= config.limit_mib) {
    complain("spike_limit_mib", "'spike_limit_mib' must be smaller than 'limit_mib'");
  }
  if (config.limit_percentage > 0 && config.spike_limit_percentage >= config.limit_percentage) {
    complain("spike_limit_percentage", "'spike_limit_percentage' must be smaller than 'limit_percentage'");
  }
}

function checkIntervals(config: MemoryLimiterConfig, ctx: z.RefinementCtx): void {
  const atLeast = (larger: keyof MemoryLimiterConfig, smaller: keyof MemoryLimiterConfig) => {
    if (config[larger] >= config[smaller]) return;
    const verb = larger.startsWith("max") ? "must be greater than or equal to" : "should be larger than";
    ctx.addIssue({ code: "custom", path: [larger], message: `'${larger}' ${verb} '${smaller}'` });
  };
  atLeast("min_gc_interval_when_soft_limited", "min_gc_interval_when_hard_limited");
  const softMax = "max_gc_interval_when_soft_limited";
  const hardMax = "max_gc_interval_when_hard_limited";
  if (config[softMax] > 0) atLeast(softMax, "min_gc_interval_when_soft_limited");
  if (config[hardMax] > 0) atLeast(hardMax, "min_gc_interval_when_hard_limited");
  if (config[softMax] > 0 && config[hardMax] > 0) atLeast(softMax, hardMax);
}
