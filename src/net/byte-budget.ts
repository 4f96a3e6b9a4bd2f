import { type PipelineError, throttled } from "../component/errors.js";

const retryWhenFullMs = 1000;

/** The refusal of a sender for whose bytes there is no room. */
export function overBudget(): PipelineError {
  return throttled("too many bytes in flight; try again", retryWhenFullMs);
}

/** A bound on bytes held at one time. Who acquires must release exactly as much, once. */
export interface ByteBudget {
  /** Takes room at once, or not at all. */
  tryAcquire(bytes: number): boolean;
  /**
   * Waits in line for room. false = not taken: more is asked for than there will ever be, or the line is full. More than
   * the whole budget is never granted.
   */
  acquire(bytes: number): Promise<boolean>;
  release(bytes: number): void;
  readonly usedBytes: number;
  readonly maxBytes: number;
}

interface Waiter {
  bytes: number;
  resolve: (granted: boolean) => void;
}

/** `maxWaiters` bounds the line of `acquire`. */
export function createByteBudget(maxBytes: number, maxWaiters = 1000): ByteBudget {
  let used = 0;
  const waiters: Waiter[] = [];

  function wake(): void {
    while (waiters.length > 0 && used + waiters[0].bytes <= maxBytes) {
      const next = waiters.shift() as Waiter;
      used += next.bytes;
      next.resolve(true);
    }
  }

  function tryAcquire(bytes: number): boolean {
    if (waiters.length > 0 || used + bytes > maxBytes) return false;
    used += bytes;
    return true;
  }

  return {
    tryAcquire,
    acquire(bytes) {
      if (tryAcquire(bytes)) return Promise.resolve(true);
      if (bytes > maxBytes || waiters.length >= maxWaiters) return Promise.resolve(false);
      return new Promise((resolve) => waiters.push({ bytes, resolve }));
    },
    release(bytes) {
      used -= bytes;
      wake();
    },
    get usedBytes() {
      return used;
    },
    maxBytes,
  };
}
