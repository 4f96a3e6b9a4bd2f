import type { Context } from "../component/context.js";
import { PipelineError, toPipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import type { Logger } from "../telemetry/log.js";
import { callerGone } from "./caller.js";
import type { Clock } from "./clock.js";
import { createConditionLog } from "./condition-log.js";
import type { RetryConfig } from "./config.js";
import type { Send } from "./send.js";

export interface RetryOptions {
  readonly config: RetryConfig;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

export interface Retry {
  readonly send: Send;
  /** From now on each request is tried once; those that wait for their next attempt fail now. */
  stop(): void;
}

/**
 * Tries again what failed for a reason that may pass, after interval x (1 ± randomization), never sooner than the
 * backend asked. Gives up when the next attempt would begin after `max_elapsed_time`, after the caller's deadline, or
 * when stopped; the error then says so and keeps the backend's status.
 */
export function createRetry(send: Send, options: RetryOptions): Retry {
  const { config, clock, random, log } = options;
  const waits = new Set<() => void>();
  const condition = createConditionLog(clock);
  let stopped = false;

  function nextDelayMs(intervalMs: number, error: PipelineError): number {
    const spread = config.randomization_factor * intervalMs;
    return Math.max(intervalMs - spread + random() * 2 * spread, error.retryAfterMs ?? 0);
  }

  function sent(): void {
    condition.clear();
  }

  function sendWithRetry(profiles: Profiles, ctx: Context): Promise<void> {
    const startedMs = clock.now();
    return send(profiles, ctx).then(sent, (caught) => tryAgain(profiles, ctx, toPipelineError(caught), startedMs));
  }

  async function tryAgain(profiles: Profiles, ctx: Context, first: PipelineError, startedMs: number): Promise<void> {
    let error = first;
    for (let intervalMs = config.initial_interval; ; ) {
      if (error.kind === "partial") throw error;
      if (error.kind !== "retryable") throw restated("not retryable error", error, error.reason);
      if (ctx.signal?.aborted) throw error;
      const delayMs = nextDelayMs(intervalMs, error);
      giveUpIfPointless(error, startedMs, clock.now() + delayMs, ctx);
      const fields = { error: error.message, interval: `${Math.round(delayMs)}ms` };
      condition.raise((repeats) =>
        log.info("Exporting failed. Will retry the request after interval.", { ...fields, repeats }),
      );
      await wait(delayMs, ctx.signal);
      if (stopped) throw restated("shutting down", error, "shutdown");
      if (ctx.signal?.aborted) throw callerGone();
      intervalMs = Math.min(intervalMs * config.multiplier, config.max_interval);
      const next = await attempt(profiles, ctx);
      if (next === undefined) return;
      error = next;
    }
  }

  async function attempt(profiles: Profiles, ctx: Context): Promise<PipelineError | undefined> {
    try {
      await send(profiles, ctx);
      condition.clear();
      return undefined;
    } catch (caught) {
      return toPipelineError(caught);
    }
  }

  function giveUpIfPointless(error: PipelineError, startedMs: number, nextMs: number, ctx: Context): void {
    if (stopped) throw restated("shutting down", error, "shutdown");
    if (config.max_elapsed_time > 0 && nextMs > startedMs + config.max_elapsed_time) {
      throw restated("no more retries left", error, "retries_exhausted");
    }
    if (ctx.deadlineMs !== undefined && nextMs > ctx.deadlineMs) {
      throw restated("request will be cancelled before next retry", error, "retries_exhausted");
    }
  }

  function wait(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        waits.delete(end);
        clock.clearTimer(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = clock.setTimer(end, delayMs);
      waits.add(end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }

  return {
    send: config.enabled ? sendWithRetry : send,
    stop() {
      stopped = true;
      for (const end of [...waits]) end();
    },
  };
}

function restated(what: string, error: PipelineError, reason: string): PipelineError {
  return new PipelineError(error.kind === "retryable" ? "retryable" : "permanent", `${what}: ${error.message}`, {
    code: error.code,
    httpStatus: error.httpStatus,
    retryAfterMs: error.retryAfterMs,
    reason,
    cause: error,
  });
}
