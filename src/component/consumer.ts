import type { Profiles } from "../pdata/profiles.js";
import type { Context } from "./context.js";
import type { Reservation } from "./reservation.js";

export type { Reservation } from "./reservation.js";

/**
 * Where data goes next.
 *
 * `consume` resolves when the consumer has taken responsibility for the data, and rejects (PipelineError) when it has
 * not. Awaiting it is the back-pressure: a receiver answers its client only when it settles. The caller must not touch
 * `profiles` after the call, whatever the outcome.
 */
export interface Consumer {
  /** True if it edits the batch in place: fan-out then gives it a copy of its own. */
  readonly mutates: boolean;
  consume(profiles: Profiles, ctx: Context): Promise<void>;
  /**
   * Holds room for `profiles` further down, before anything is handed over. "full" = none left and the consumer does
   * not block: consuming now would be refused. undefined = nothing to reserve here (the consumer has no bound of its
   * own, or it blocks by choice). Processors that sit in between pass the question on to their next.
   */
  reserve(profiles: Profiles): Reservation | "full" | undefined;
}
