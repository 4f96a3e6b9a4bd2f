import type { Context } from "../component/context.js";
import type { PipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";

/**
 * Sends one request. `ctx.signal` is aborted when the attempt's time is over and `ctx.deadlineMs` says when. Rejects
 * with a PipelineError: permanent, retryable (`retryAfterMs` where the backend named it) or partial. Must not edit
 * `profiles`: other branches and later attempts see the same object.
 */
export type Send = (profiles: Profiles, ctx: Context) => Promise<void>;

/** Tells once what became of an item: undefined = delivered. */
export type Done = (error: PipelineError | undefined) => void;

/** Tells that this many samples of an item have arrived while others are still on their way. */
export type Progress = (samples: number) => void;

/** Takes an item and answers through `done`, possibly before returning. Never throws. */
export type Deliver = (profiles: Profiles, ctx: Context, done: Done, progress: Progress) => void;
