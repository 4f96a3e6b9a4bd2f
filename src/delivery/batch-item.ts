import type { Context } from "../component/context.js";
import type { PipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import type { Done, Progress } from "./send.js";

/** One sender's data in a batcher, from its arrival to its answer. */
export interface Item {
  /** Let go with the answer: what still points to the item then may be old, and keep the data for long. */
  profiles: Profiles | undefined;
  readonly ctx: Context;
  readonly samples: number;
  readonly bytes: number;
  readonly addedMs: number;
  /** When it must leave at the latest. */
  readonly dueMs: number;
  /** Cleared when the sender has been answered. */
  done: Done | undefined;
  readonly progress: Progress | undefined;
  /** The batch that carries it. */
  flight: Flight | undefined;
  onGone: (() => void) | undefined;
}

/** A batch on its way; its signal is aborted when no sender waits for it any more. */
export interface Flight {
  waiting: number;
  readonly controller: AbortController;
}

/** Tells the sender, once. */
export function answer(item: Item, error: PipelineError | undefined): void {
  const { done } = item;
  if (!done) return;
  item.done = undefined;
  item.profiles = undefined;
  if (item.onGone) item.ctx.signal?.removeEventListener("abort", item.onGone);
  item.ctx.reservation?.release();
  done(error);
}
