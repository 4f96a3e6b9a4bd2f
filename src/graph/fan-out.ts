import type { Consumer, Reservation } from "../component/consumer.js";
import { type Context, withContext } from "../component/context.js";
import { PipelineError, retryable, toPipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";

/**
 * Hands each batch to every consumer.
 *
 * Room is reserved in every branch before any of them is given the data: if one has none, nobody takes it and the
 * sender is told to try again. After that branches fail on their own (a backend behind a branch without queue, say),
 * and the sender gets one answer:
 * - all took it: taken;
 * - every failure is partial: partial, with the largest rejected count;
 * - every failure is permanent (or partial): permanent, as the first permanent one said;
 * - else retryable, after the longest wait that a branch asked for. The branches that did take it then get it twice.
 *
 * Branches that edit get copies; the last of them gets the original where nobody else reads it.
 */
export function createFanOut(consumers: readonly Consumer[]): Consumer {
  if (consumers.length === 1) return consumers[0];
  const readers = consumers.filter((consumer) => !consumer.mutates).length;
  const lastEditor = consumers.length - 1 - [...consumers].reverse().findIndex((consumer) => consumer.mutates);
  const getsOriginal = (index: number) => !consumers[index].mutates || (readers === 0 && index === lastEditor);

  function reserveAll(profiles: Profiles): FanOutReservation | "full" {
    const branches: (Reservation | undefined)[] = [];
    for (const consumer of consumers) {
      const room = consumer.reserve(profiles);
      if (room === "full") {
        for (const branch of branches) branch?.release();
        return "full";
      }
      branches.push(room);
    }
    return new FanOutReservation(consumers, branches);
  }

  async function consume(profiles: Profiles, ctx: Context): Promise<void> {
    const { reservation } = ctx;
    const invited = reservation instanceof FanOutReservation && reservation.owner === consumers && reservation.held;
    const room = invited ? reservation : reserveAll(profiles);
    if (!invited) reservation?.release();
    if (room === "full") throw retryable("a branch of the pipeline has no room", { reason: "queue_full" });
    try {
      // All copies before the first hand-over: an editor may begin at once.
      const batches = consumers.map((_, index) => (getsOriginal(index) ? profiles : profiles.copy()));
      const results = await Promise.allSettled(
        consumers.map(async (consumer, i) =>
          consumer.consume(batches[i], withContext(ctx, { reservation: room.branches[i] })),
        ),
      );
      const errors = results.flatMap((result) =>
        result.status === "rejected" ? [toPipelineError(result.reason)] : [],
      );
      if (errors.length > 0) throw combined(errors);
    } finally {
      // A branch that dropped the data on its way has not spent its room.
      room.release();
    }
  }

  return {
    mutates: consumers.length > 0 && readers === 0,
    consume,
    reserve: reserveAll,
  };
}

/** Room in all branches. */
class FanOutReservation implements Reservation {
  readonly owner: readonly Consumer[];
  readonly branches: readonly (Reservation | undefined)[];
  held = true;

  constructor(owner: readonly Consumer[], branches: readonly (Reservation | undefined)[]) {
    this.owner = owner;
    this.branches = branches;
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    for (const branch of this.branches) branch?.release();
  }
}

function combined(errors: readonly PipelineError[]): PipelineError {
  if (errors.length === 1) return errors[0];
  const retry = errors.filter((error) => error.kind === "retryable");
  if (retry.length > 0) {
    const waits = retry.flatMap((error) => error.retryAfterMs ?? []);
    return withWait(retry[0], waits.length > 0 ? Math.max(...waits) : undefined);
  }
  const fatal = errors.find((error) => error.kind !== "partial");
  if (fatal) return fatal;
  return errors.reduce((worst, error) => (error.rejectedSamples > worst.rejectedSamples ? error : worst));
}

function withWait(error: PipelineError, retryAfterMs: number | undefined): PipelineError {
  if (error.retryAfterMs === retryAfterMs) return error;
  const { code, httpStatus, reason } = error;
  return new PipelineError("retryable", error.message, { code, httpStatus, retryAfterMs, reason, cause: error });
}
