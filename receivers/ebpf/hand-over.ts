import type { Consumer } from "../../src/component/consumer.js";
import { background, withContext } from "../../src/component/context.js";
import { type PipelineError, toPipelineError } from "../../src/component/errors.js";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import { createConditionLog } from "../../src/delivery/condition-log.js";
import { type DropReason, type Drops, dropReason, rejectedOf } from "../../src/delivery/drops.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { Logger } from "../../src/telemetry/log.js";

const firstRetryMs = 500;
const longestRetryMs = 10_000;
/** An agent can't be asked again: what is refused is offered again for so long. */
export const patienceMs = 60_000;
/** Beyond what an agent takes to say its last words. */
const shutdownGraceMs = 10_000;

export interface HandOver {
  /** Offers the batch until it is taken, refused for good, or too old; counts what is lost. True if it was taken. */
  give(profiles: Profiles): Promise<boolean>;
  /** From now on each batch is offered once, for a few seconds; what waits for its next try is given up. */
  stop(): void;
  /** Nothing more will be given. */
  close(): void;
}

export function createHandOver(next: Consumer, drops: Drops, log: Logger, clock: Clock): HandOver {
  const refusals = createConditionLog(clock);
  const waits = new Set<() => void>();
  const cutOff = new AbortController();
  const ctx = withContext(background, { signal: cutOff.signal });
  let cutOffTimer: Timer;
  let stopped = false;

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        waits.delete(end);
        clock.clearTimer(timer);
        resolve();
      };
      const timer = clock.setTimer(end, ms);
      waits.add(end);
    });
  }

  /** Whoever refuses a batch may have edited it: each try gets a copy, which shares the bytes. */
  async function offer(profiles: Profiles): Promise<PipelineError | undefined> {
    try {
      await next.consume(profiles.copy(), ctx);
      return undefined;
    } catch (caught) {
      return toPipelineError(caught);
    }
  }

  function lose(error: PipelineError, reason: DropReason, samples: number): false {
    drops.add(reason, samples);
    refusals.raise((repeats) =>
      log.warn("Samples are lost: the pipeline doesn't take them", {
        reason,
        samples,
        error: error.message,
        repeats,
      }),
    );
    return false;
  }

  function taken(): true {
    if (refusals.clear()) log.info("The pipeline takes samples again");
    return true;
  }

  return {
    async give(profiles) {
      const samples = profiles.sampleCount;
      const givenMs = clock.now();
      for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
        const error = await offer(profiles);
        if (!error) return taken();
        if (error.kind === "partial") {
          drops.add("partial", rejectedOf(error, samples));
          return taken();
        }
        if (error.kind !== "retryable") return lose(error, dropReason(error, "permanent"), samples);
        if (stopped) return lose(error, "shutdown", samples);
        const delayMs = Math.max(waitMs, error.retryAfterMs ?? 0);
        if (clock.now() + delayMs > givenMs + patienceMs) return lose(error, "retries_exhausted", samples);
        await pause(delayMs);
      }
    },
    stop() {
      if (!stopped) cutOffTimer = clock.setTimer(() => cutOff.abort(), shutdownGraceMs);
      stopped = true;
      for (const end of [...waits]) end();
    },
    close: () => clock.clearTimer(cutOffTimer),
  };
}
