import { setMaxListeners } from "node:events";
import { type Context, withContext } from "../component/context.js";
import type { PipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import { callerGone, deadlineExceeded } from "./caller.js";
import type { Clock } from "./clock.js";
import type { Send } from "./send.js";

export interface Attempts {
  readonly send: Send;
  /** Ends every attempt, under way or yet to come: each rejects at once with `error`, and its signal is aborted. */
  abort(error: PipelineError): void;
}

/**
 * Limits each attempt to `timeoutMs` (0 = no limit) and to the caller's own deadline. When time is over or the caller
 * is gone, the attempt rejects at once, whether or not `send` heeds its signal, so that nothing waits for a backend
 * that accepts and never answers.
 */
export function createAttempts(send: Send, timeoutMs: number, clock: Clock): Attempts {
  const open = new Set<(error: PipelineError) => void>();
  // Of attempts that nothing but `abort`, which ends them all, can end.
  const shared = createEnd();
  let ended: PipelineError | undefined;

  function attempt(profiles: Profiles, ctx: Context): Promise<void> {
    if (ended) return Promise.reject(ended);
    if (ctx.signal?.aborted) return Promise.reject(callerGone());
    const ownDeadlineMs = timeoutMs > 0 ? clock.now() + timeoutMs : undefined;
    const deadlineMs = earlier(ownDeadlineMs, ctx.deadlineMs);
    const controller = deadlineMs === undefined && !ctx.signal ? shared : createEnd();
    const sent = begun(send, profiles, withContext(ctx, { signal: controller.signal, deadlineMs }));
    return settle(sent, ctx.signal, controller, deadlineMs);
  }

  /**
   * Settles as `sent` does, or earlier with an error. The data is not in this scope: what `open` and the timers hold of
   * an attempt may outlive it by a garbage collection or two.
   */
  function settle(
    sent: Promise<void>,
    caller: AbortSignal | undefined,
    controller: AbortController,
    deadlineMs: number | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer =
        deadlineMs === undefined
          ? undefined
          : clock.setTimer(() => cut(deadlineExceeded()), Math.max(0, deadlineMs - clock.now()));
      const onCallerGone = caller && (() => cut(callerGone()));
      if (onCallerGone) caller.addEventListener("abort", onCallerGone, { once: true });

      const close = () => {
        open.delete(cut);
        if (timer !== undefined) clock.clearTimer(timer);
        if (onCallerGone) caller.removeEventListener("abort", onCallerGone);
      };
      function cut(error: PipelineError): void {
        close();
        reject(error);
        controller.abort(error);
      }
      open.add(cut);
      sent.then(
        () => {
          close();
          resolve();
        },
        (error) => {
          close();
          reject(error);
        },
      );
    });
  }

  return {
    send: attempt,
    abort(error) {
      ended = error;
      for (const cut of [...open]) cut(error);
    },
  };
}

/** An exporter may send a batch as many requests, each of which listens for the end: Node.js takes more than ten for a leak. */
function createEnd(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** `send` may be any function; what it throws is a rejection too. */
function begun(send: Send, profiles: Profiles, ctx: Context): Promise<void> {
  try {
    return send(profiles, ctx);
  } catch (error) {
    return Promise.reject(error);
  }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
