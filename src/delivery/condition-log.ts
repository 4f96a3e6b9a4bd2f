import type { Clock } from "./clock.js";

/** How often a condition that lasts is logged again. */
const reminderMs = 60_000;
/** A condition is over when it has not been raised for this long: one that comes and goes is one condition. */
const calmMs = 10_000;

export interface ConditionLog {
  /** Calls `write` when the condition begins and once a minute while it lasts, with the number of times kept quiet. */
  raise(write: (repeats: number) => void): void;
  /** All is well at this moment. True if that ends the condition; the next `raise` then writes again. */
  clear(): boolean;
}

/** Keeps a repeated condition from flooding the log. */
export function createConditionLog(clock: Clock): ConditionLog {
  let raised = false;
  let raisedMs = 0;
  let writtenMs = 0;
  let repeats = 0;
  return {
    raise(write) {
      const nowMs = clock.now();
      raisedMs = nowMs;
      if (raised && nowMs - writtenMs < reminderMs) {
        repeats++;
        return;
      }
      raised = true;
      writtenMs = nowMs;
      write(repeats);
      repeats = 0;
    },
    clear() {
      if (!raised || clock.now() - raisedMs < calmMs) return false;
      raised = false;
      repeats = 0;
      return true;
    },
  };
}
