import type { PipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import type { SplitLimit } from "../pdata/split.js";
import type { Clock } from "./clock.js";
import type { BatchLimit } from "./partition.js";
import type { Send } from "./send.js";

/** Why a batch was sent: it was large enough, or its time (or its first caller's) was nearly over. */
export type Trigger = "size" | "timeout";

/** How batches are joined and cut: src/pdata's mergeProfiles and splitProfiles. */
export interface Join {
  merge(batches: readonly Profiles[]): Profiles;
  split(batch: Profiles, limit: SplitLimit): Profiles[];
}

export interface BatcherOptions {
  /** Takes each batch; a batch is answered for once this settles. */
  readonly next: Send;
  readonly join: Join;
  readonly clock: Clock;
  /** A batch leaves when it has this much; 0 = not by this measure. Both 0 = at once. */
  readonly minSamples: number;
  readonly minBytes: number;
  /** No batch is larger (see Join for a single sample that is); 0 = no limit. */
  readonly limit: BatchLimit;
  /** A batch leaves after this time; 0 = at once. */
  readonly timeoutMs: number;
  /** Lower case; each combination of values is batched on its own. */
  readonly metadataKeys: readonly string[];
  /** Combinations that may exist; 0 = no limit. One that was idle for ten minutes makes room. */
  readonly metadataCardinalityLimit: number;
  /** Batches on their way at the same time. */
  readonly concurrency: number;
  /** Senders were answered when their data was added: then no piece waits for another's success. */
  readonly answeredEarly: boolean;
  readonly onBatch?: (trigger: Trigger, samples: number, bytes: number) => void;
  /** A batch of several senders was taken but for some samples, and nobody knows whose: all are told "taken". */
  readonly onUnattributed: (rejectedSamples: number, error: PipelineError) => void;
}
