import { z } from "zod";
import { duration } from "../component/schema.js";

/** `retry_on_failure`; durations in milliseconds. */
export interface RetryConfig {
  readonly enabled: boolean;
  readonly initial_interval: number;
  readonly randomization_factor: number;
  readonly multiplier: number;
  readonly max_interval: number;
  /** 0 = never give up. */
  readonly max_elapsed_time: number;
}

export type Sizer = "requests" | "items" | "bytes";

/** `sending_queue.batch`; sizes in the unit of `sizer`. */
export interface QueueBatchConfig {
  readonly enabled: boolean;
  readonly flush_timeout: number;
  readonly min_size: number;
  /** 0 = never split. */
  readonly max_size: number;
  readonly sizer: Exclude<Sizer, "requests">;
  readonly partition: { readonly metadata_keys: readonly string[] };
}

/** `sending_queue`; `queue_size` in the unit of `sizer`. */
export interface QueueConfig {
  readonly enabled: boolean;
  readonly num_consumers: number;
  readonly queue_size: number;
  readonly sizer: Sizer;
  readonly block_on_overflow: boolean;
  readonly wait_for_result: boolean;
  readonly on_full: "refuse" | "drop_oldest";
  readonly batch: QueueBatchConfig;
}

/** `timeout`: limit of one attempt in milliseconds, 0 = none. `fallback` in Go's notation. */
export function timeoutField(fallback: string): z.ZodType<number, string | number | undefined> {
  return duration(fallback)
    .refine((ms) => ms >= 0, "'timeout' must be non-negative")
    .describe("Limit of one attempt to send; 0 = none.");
}

/** `retry_on_failure`, with the Collector's defaults and messages. */
export function retryField(): z.ZodType<RetryConfig, Partial<Record<keyof RetryConfig, unknown>> | undefined> {
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe("Try again what failed for a reason that may pass."),
      initial_interval: duration("5s").describe("Wait after the first failure."),
      randomization_factor: z.number().default(0.5).describe("Each wait is the interval x (1 ± this), at random."),
      multiplier: z.number().default(1.5).describe("Each interval is the one before times this."),
      max_interval: duration("30s").describe("Longest interval between two attempts."),
      max_elapsed_time: duration("5m").describe("Give up and drop after this time; 0 = never."),
    })
    .superRefine(checkRetry)
    .prefault({})
    .describe("What happens to data that could not be sent.");
}

function checkRetry(config: RetryConfig, ctx: z.RefinementCtx): void {
  if (!config.enabled) return;
  const complain = (key: keyof RetryConfig, message: string) => ctx.addIssue({ code: "custom", path: [key], message });
  const atLeastZero = [
    "initial_interval",
    "randomization_factor",
    "multiplier",
    "max_interval",
    "max_elapsed_time",
  ] as const;
  for (const key of atLeastZero) {
    if (config[key] < 0) complain(key, `${key} value must be greater than or equal to 0`);
  }
  if (config.randomization_factor > 1) {
    complain("randomization_factor", "randomization_factor value must be less than or equal to 1");
  }
  if (config.max_elapsed_time <= 0) return;
  for (const key of ["initial_interval", "max_interval"] as const) {
    if (config.max_elapsed_time < config[key]) {
      complain("max_elapsed_time", `'max_elapsed_time' must not be less than '${key}'`);
    }
  }
}

const sizerMeta = "`requests`, `items` (samples) or `bytes` (encoded size)";

// `enabled` is true once the block is written, as in the Collector: `batch: {}` turns batching on.
const batchSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe("False = as if the block were absent."),
    flush_timeout: duration("200ms").describe("A batch is sent after this time, whatever its size."),
    min_size: z.int().default(8192).describe("A batch is sent once it is this large, in units of `sizer`."),
    max_size: z.int().default(0).describe("No batch is larger, in units of `sizer`; 0 = no limit."),
    sizer: z
      .enum(["requests", "items", "bytes"])
      .optional()
      .describe(
        "What `min_size` and `max_size` count: `items` or `bytes`; the queue's own `sizer` where that is set, else items.",
      ),
    partition: z
      .strictObject({
        metadata_keys: z
          .array(z.string())
          .default([])
          .describe("Client metadata keys; each combination of their values is batched on its own."),
      })
      .prefault({})
      .describe("What is never batched together."),
  })
  .prefault({ enabled: false })
  .describe("Joins requests before they are sent; `batch: {}` turns it on.");

/** `sending_queue`. Writing the block turns the queue on, `enabled: false` off; without it, `enabledByDefault` decides. */
export function queueField(options: { enabledByDefault: boolean }): z.ZodType<QueueConfig, object | undefined> {
  return z
    .strictObject({
      enabled: z.boolean().default(true).describe("False = the sender waits while its data is sent and retried."),
      num_consumers: z.int().default(10).describe("Requests sent at the same time."),
      queue_size: z.int().default(1000).describe("Room, in units of `sizer`; what is being sent counts too."),
      sizer: z
        .enum(["requests", "items", "bytes"])
        .optional()
        .describe(`What \`queue_size\` counts: ${sizerMeta}.`)
        .meta({ default: "requests" }),
      block_on_overflow: z.boolean().default(false).describe("When full, make the sender wait instead of refusing."),
      wait_for_result: z.boolean().default(false).describe("Answer the sender with the result of the export."),
      on_full: z
        .enum(["refuse", "drop_oldest"])
        .default("refuse")
        .describe("When full: `refuse` new data (the sender may try again) or `drop_oldest`, which is counted."),
      storage: z.string().optional().describe("Durable queues are not available yet: refused."),
      batch: batchSchema,
    })
    .superRefine(checkQueue)
    .transform(resolveSizers)
    .prefault({ enabled: options.enabledByDefault })
    .describe("Queue in memory between the pipeline and the backend.");
}

interface RawQueue extends Omit<QueueConfig, "sizer" | "batch"> {
  readonly sizer?: Sizer;
  readonly storage?: string;
  readonly batch: Omit<QueueBatchConfig, "sizer"> & { readonly sizer?: Sizer };
}

function resolveSizers({ storage: _refused, ...queue }: RawQueue): QueueConfig {
  const sizer = batchSizer(queue) as QueueBatchConfig["sizer"];
  return { ...queue, sizer: queue.sizer ?? "requests", batch: { ...queue.batch, sizer } };
}

function batchSizer(queue: RawQueue): Sizer {
  return queue.batch.sizer ?? queue.sizer ?? "items";
}

function checkQueue(queue: RawQueue, ctx: z.RefinementCtx): void {
  if (!queue.enabled) return;
  const complain = (path: string[], message: string) => ctx.addIssue({ code: "custom", path, message });
  if (queue.num_consumers <= 0) complain(["num_consumers"], "`num_consumers` must be positive");
  if (queue.queue_size <= 0) complain(["queue_size"], "`queue_size` must be positive");
  if (queue.storage !== undefined) {
    complain(["storage"], "durable queues are not available in this version; remove `storage` to queue in memory");
  }
  if (queue.block_on_overflow && queue.on_full === "drop_oldest") {
    complain(["on_full"], "`block_on_overflow` and `on_full: drop_oldest` exclude each other");
  }
  if (queue.batch.enabled) checkBatch(queue, complain);
}

function checkBatch(queue: RawQueue, complain: (path: string[], message: string) => void): void {
  const { batch } = queue;
  const sizer = batchSizer(queue);
  if (batch.flush_timeout <= 0) complain(["batch", "flush_timeout"], "`flush_timeout` must be positive");
  if (batch.min_size < 0) complain(["batch", "min_size"], "`min_size` must be non-negative");
  if (batch.max_size < 0) complain(["batch", "max_size"], "`max_size` must be non-negative");
  if (sizer === "requests") {
    complain(["batch"], '`batch` supports only `items` or `bytes` sizer, found "requests"');
  } else if (sizer === (queue.sizer ?? "requests") && batch.min_size > queue.queue_size) {
    complain(["batch", "min_size"], "`min_size` must be less than or equal to `queue_size`");
  }
  if (batch.max_size > 0 && batch.max_size < batch.min_size) {
    complain(
      ["batch", "max_size"],
      `\`max_size\` (${batch.max_size}) must be greater or equal to \`min_size\` (${batch.min_size})`,
    );
  }
  const duplicate = duplicateKey(batch.partition.metadata_keys);
  if (duplicate !== undefined) {
    const message = `duplicate entry in metadata_keys: "${duplicate}" (case-insensitive)`;
    complain(["batch", "partition", "metadata_keys"], message);
  }
}

/** The first metadata key that occurs twice (they compare in lower case, and are returned so). */
export function duplicateKey(keys: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const key of keys) {
    const lower = key.toLowerCase();
    if (seen.has(lower)) return lower;
    seen.add(lower);
  }
  return undefined;
}
