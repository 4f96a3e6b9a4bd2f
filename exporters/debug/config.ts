import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { queueField } from "../../src/delivery/config.js";

const verbosities = ["basic", "normal", "detailed"] as const;

export const debugSchema = z
  .strictObject({
    verbosity: z
      .enum(verbosities, {
        error: (issue) => `verbosity level ${JSON.stringify(issue.input)} is not supported (basic, normal or detailed)`,
      })
      .default("basic")
      .describe(
        "basic = a log line per request; normal = tables of the hottest functions; detailed = everything in it.",
      ),
    interval: duration("10s")
      .refine((ms) => ms > 0, "'interval' must be greater than zero")
      .describe("How often normal prints its tables."),
    sampling_initial: z.int().min(0).default(2).describe("Log lines of basic in each second before sampling begins."),
    sampling_thereafter: z
      .int()
      .min(0)
      .default(1)
      .describe("After those, every n-th line of the second is logged; 1 = all, 0 = none."),
    use_internal_logger: z
      .boolean()
      .default(true)
      .describe("basic goes to the collector's own log and the rest to stdout; false = all goes to `output_paths`."),
    output_paths: z
      .array(z.string().min(1))
      .optional()
      .meta({ default: ["stdout"] })
      .describe("stdout, stderr or files (appended to); only with `use_internal_logger: false`."),
    sending_queue: queueField({ enabledByDefault: false }),
  })
  .superRefine((config, ctx) => {
    const complain = (message: string) => ctx.addIssue({ code: "custom", path: ["output_paths"], message });
    if (config.use_internal_logger && config.output_paths !== undefined) {
      complain("output_paths is not supported when use_internal_logger is true");
    }
    if (!config.use_internal_logger && config.output_paths?.length === 0) {
      complain("output_paths must not be empty when use_internal_logger is false");
    }
  });

export type DebugConfig = z.output<typeof debugSchema>;
