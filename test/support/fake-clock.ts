import type { Clock } from "../../src/delivery/clock.js";

interface Due {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that passes when a test says so. */
export interface FakeClock extends Clock {
  /** Lets time pass; timers fire in order, each at its time. */
  advance(ms: number): void;
  /** As `advance`, and after each timer lets promises settle. */
  advanceAsync(ms: number): Promise<void>;
  /** Timers that are set. */
  readonly pending: number;
}

export function createFakeClock(wallMs = Date.UTC(2026, 0, 1)): FakeClock {
  const timers = new Set<Due>();
  let now = 0;
  let order = 0;

  function nextBefore(end: number): Due | undefined {
    let next: Due | undefined;
    for (const timer of timers) {
      if (timer.at > end) continue;
      if (!next || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }

  function fireNext(end: number): boolean {
    const next = nextBefore(end);
    if (!next) {
      now = end;
      return false;
    }
    timers.delete(next);
    now = Math.max(now, next.at);
    next.callback();
    return true;
  }

  return {
    now: () => now,
    wallMs: () => wallMs + now,
    setTimer(callback, delayMs) {
      const timer: Due = { at: now + Math.max(0, delayMs), order: order++, callback };
      timers.add(timer);
      return timer;
    },
    clearTimer: (timer) => {
      timers.delete(timer as Due);
    },
    advance(ms) {
      const end = now + ms;
      while (fireNext(end));
    },
    async advanceAsync(ms) {
      const end = now + ms;
      do await settle();
      while (fireNext(end));
    },
    get pending() {
      return timers.size;
    },
  };
}

/** Lets everything run that waits for no timer and no I/O. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
