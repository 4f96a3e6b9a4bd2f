/** Time as this room sees it; tests bring their own. */
export interface Clock {
  /** Monotonic milliseconds, the clock of `Context.deadlineMs` (performance.now()). */
  now(): number;
  /** Milliseconds since 1970, for comparing with the times inside profiles. */
  wallMs(): number;
  setTimer(callback: () => void, delayMs: number): Timer;
  clearTimer(timer: Timer): void;
}

/** What `setTimer` gives back; opaque. */
export type Timer = unknown;

// setTimeout fires at once beyond this delay (24.8 days).
const longestDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (callback, delayMs) => setTimeout(callback, Math.min(Math.max(delayMs, 0), longestDelayMs)),
  clearTimer: (timer) => clearTimeout(timer as NodeJS.Timeout),
};
