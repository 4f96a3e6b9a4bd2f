import { type Context, goneOf } from "../component/context.js";
import type { PipelineError } from "../component/errors.js";
import { callerGone, deadlineExceeded } from "./caller.js";
import type { Clock } from "./clock.js";

interface Blocked {
  readonly size: number;
  admit(): void;
  turnAway(error: PipelineError): void;
}

/** Senders in front of a full queue, first come first served, at most `max` of them. */
export interface BlockedSenders {
  readonly size: number;
  /**
   * Waits until `admitWhile` lets it in, then settles as `admit()` does. Rejects, after a call of `turnedAway`, when
   * the caller is gone or its deadline passes. undefined = too many wait already.
   */
  wait(size: number, ctx: Context, admit: () => Promise<void>, turnedAway: () => void): Promise<void> | undefined;
  /** Lets in from the front as long as `fits` says so. */
  admitWhile(fits: (size: number) => boolean): void;
  turnAway(error: PipelineError): void;
}

function nothing(): void {}

export function createBlockedSenders(max: number, clock: Clock): BlockedSenders {
  const senders = new Set<Blocked>();

  function wait(size: number, ctx: Context, admit: () => Promise<void>, turnedAway: () => void) {
    if (senders.size >= max) return undefined;
    return new Promise<void>((resolve, reject) => {
      const turnAway = (error: PipelineError) => {
        leave();
        turnedAway();
        reject(error);
      };
      const gone = goneOf(ctx);
      const onGone = () => turnAway(callerGone());
      const timer =
        ctx.deadlineMs === undefined
          ? undefined
          : clock.setTimer(() => turnAway(deadlineExceeded()), ctx.deadlineMs - clock.now());
      const leave = () => {
        senders.delete(sender);
        // They hold the data, and a table's dead entries live on until it is next rebuilt.
        sender.admit = nothing;
        sender.turnAway = nothing;
        if (timer !== undefined) clock.clearTimer(timer);
        gone?.off(onGone);
      };
      const sender: Blocked = {
        size,
        turnAway,
        admit() {
          leave();
          resolve(admit());
        },
      };
      senders.add(sender);
      gone?.on(onGone);
      if (gone?.aborted) onGone();
    });
  }

  return {
    get size() {
      return senders.size;
    },
    wait,
    admitWhile(fits) {
      for (const sender of senders) {
        if (!fits(sender.size)) return;
        sender.admit();
      }
    },
    turnAway(error) {
      for (const sender of senders) sender.turnAway(error);
    },
  };
}
