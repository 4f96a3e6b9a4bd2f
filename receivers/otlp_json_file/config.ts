import { z } from "zod";
import { duration } from "../../src/component/schema.js";

export const otlpJsonFileSchema = z
  .strictObject({
    include: z.array(z.string().min(1)).default([]).describe("Files to read; globs are allowed. Required."),
    exclude: z.array(z.string().min(1)).default([]).describe("Of these, the ones not to read; globs are allowed."),
    start_at: z
      .enum(["beginning", "end"])
      .default("end")
      .describe("Where to begin in files that are there at start; later ones are read from their beginning."),
    poll_interval: duration("200ms")
      .refine((ms) => ms > 0, "poll_interval must be greater than 0")
      .describe("Look this often for new files and lines."),
    max_log_size: z
      .int()
      .min(1)
      .default(64 * 1024 * 1024)
      .describe("Longest line in bytes; longer ones are left out and counted."),
    max_concurrent_files: z.int().min(1).default(1024).describe("Files that are followed at the same time."),
  })
  .superRefine(({ include }, ctx) => {
    if (include.length > 0) return;
    ctx.addIssue({ code: "custom", path: ["include"], message: "`include` must name at least one file" });
  });

export type OtlpJsonFileConfig = z.output<typeof otlpJsonFileSchema>;
