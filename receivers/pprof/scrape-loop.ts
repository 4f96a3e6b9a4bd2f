import { createHash } from "node:crypto";
import type { Clock, Timer } from "../../src/delivery/clock.js";

/** Does something again and again: at the same offset in every interval, never twice at a time. */
export interface Loop {
  start(): void;
  /** Resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** A number in [0, interval) that is the key's own, so that many keys are spread over the interval. */
export function offsetOf(key: string, intervalMs: number): number {
  const digest = createHash("md5").update(key).digest();
  return Number(digest.readBigUInt64BE(8) % BigInt(Math.max(1, Math.floor(intervalMs))));
}

/**
 * `work` must not reject. A run that takes longer than the interval is followed by the next at once; runs that were missed
 * beyond that are left out.
 */
export function createLoop(clock: Clock, intervalMs: number, offsetMs: number, work: () => Promise<void>): Loop {
  let timer: Timer;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let dueMs = 0;

  function schedule(delayMs: number): void {
    timer = clock.setTimer(run, delayMs);
  }

  function run(): void {
    running = work().then(() => {
      if (stopped) return;
      const nowMs = clock.now();
      dueMs += intervalMs;
      // Whole intervals that passed meanwhile are left out but for one.
      if (nowMs - dueMs >= intervalMs) dueMs += Math.floor((nowMs - dueMs) / intervalMs) * intervalMs;
      schedule(Math.max(0, dueMs - nowMs));
    });
  }

  return {
    start() {
      const delayMs = (((offsetMs - clock.wallMs()) % intervalMs) + intervalMs) % intervalMs;
      dueMs = clock.now() + delayMs;
      schedule(delayMs);
    },
    stop() {
      stopped = true;
      clock.clearTimer(timer);
      return running;
    },
  };
}
