import type { Clock } from "./clock.js";

/** How often a condition that lasts is logged again. */
const reminderMs = 60_000;

export interface ConditionLog {
  /** Calls `write` when the condition begins and once a minute while it lasts, with the number of times kept quiet. */
  raise(write: (repeats: number) => void): void;
  /** The condition is over; the next `raise` writes again. True if it had been raised. */
  clear(): boolean;
}

/** Keeps a repeated condition from flooding the log. */
export function createConditionLog(clock: Clock): ConditionLog {
  let raised = false;
  let writtenMs = 0;
  let repeats = 0;
  return {
    raise(write) {
      const nowMs = clock.now();
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
      const was = raised;
      raised = false;
      repeats = 0;
      return was;
    },
  };
}
