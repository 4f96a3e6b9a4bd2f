import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { duplicateKey } from "../../src/delivery/config.js";

const size = (fallback: number) => z.int().min(0).default(fallback);

export const batchSchema = z
  .strictObject({
    timeout: duration("200ms")
      .refine((ms) => ms >= 0, "timeout must be greater or equal to 0")
      .describe(
        "A batch is sent after this time, whatever its size; 0 = at once. A caller's deadline can make it sooner.",
      ),
    send_batch_size: size(8192).describe(
      "A batch is sent once it has this many samples; 0 = not by samples (and at once, if not by bytes either).",
    ),
    send_batch_max_size: size(0).describe("No batch has more samples, larger requests are split; 0 = no limit."),
    send_batch_size_bytes: size(0).describe(
      "A batch is sent once what was received for it has this many bytes; 0 = not by bytes.",
    ),
    send_batch_max_size_bytes: size(0).describe(
      "No batch is larger when encoded, larger requests are split; 0 = no limit.",
    ),
    metadata_keys: z
      .array(z.string())
      .default([])
      .describe(
        "Client metadata keys; each combination of their values is batched on its own, and only they travel on.",
      ),
    metadata_cardinality_limit: size(1000).describe("Combinations of metadata values that may exist; 0 = no limit."),
    early_ack: z
      .boolean()
      .default(false)
      .describe(
        "Answer senders when their data is in the batcher, as the Collector does, not when it has reached the next stage.",
      ),
  })
  .superRefine((config, ctx) => {
    const complain = (key: string, message: string) => ctx.addIssue({ code: "custom", path: [key], message });
    for (const unit of ["", "_bytes"] as const) {
      const max = config[`send_batch_max_size${unit}`];
      if (max > 0 && max < config[`send_batch_size${unit}`]) {
        complain(
          `send_batch_max_size${unit}`,
          `send_batch_max_size${unit} must be greater or equal to send_batch_size${unit}`,
        );
      }
    }
    const duplicate = duplicateKey(config.metadata_keys);
    if (duplicate !== undefined) {
      complain("metadata_keys", `duplicate entry in metadata_keys: "${duplicate}" (case-insensitive)`);
    }
  });

export type BatchConfig = z.output<typeof batchSchema>;
