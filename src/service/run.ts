import type { Logger } from "../telemetry/log.js";
import type { Service } from "./service.js";

export type StopSignal = "SIGTERM" | "SIGINT";

/** What ends a run from outside; `process` fits, tests bring their own. */
export interface Stops {
  on(event: StopSignal, listener: () => void): unknown;
  on(event: "uncaughtException" | "unhandledRejection", listener: (reason: unknown) => void): unknown;
  removeListener(event: string, listener: (reason: unknown) => void): unknown;
}

export interface RunOptions {
  readonly log: Logger;
  readonly stops: Stops;
  /** How long the pipelines may take to drain. */
  readonly gracePeriodMs: number;
  /** Samples that were taken from senders and are neither delivered nor dropped yet; logged when a drain is cut short. */
  readonly pendingSamples: () => Promise<number>;
}

/**
 * Runs the service until it is told to stop, drains it, and resolves with the exit code: 0 after a whole drain, 1 when it
 * did not start, ended by a fault, or the drain was cut short by a second signal or the end of the grace period.
 */
export async function runService(service: Service, options: RunOptions): Promise<number> {
  const { log } = options;
  const ends = watchEnds(options.stops, log);
  try {
    try {
      await Promise.race([service.start(), ends.second]);
    } catch (caught) {
      log.error("Start failed.", { error: caught });
      return 1;
    }
    const fault = await Promise.race([ends.first, service.fatal]);
    const drained = await drain(service, options, ends.second);
    return drained && fault === undefined ? 0 : 1;
  } finally {
    ends.stopWatching();
  }
}

async function drain(service: Service, options: RunOptions, second: Promise<never>): Promise<boolean> {
  const { log, gracePeriodMs } = options;
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("the grace period is over")), gracePeriodMs);
  });
  try {
    await Promise.race([service.shutdown(), overdue, second]);
    return true;
  } catch (caught) {
    log.error("Shutdown was not clean; what had not left is lost.", {
      error: caught,
      lost_samples: await options.pendingSamples(),
    });
    return false;
  } finally {
    clearTimeout(timer);
  }
}

interface Ends {
  /** Resolves at the first request to stop: undefined for a signal, the reason for a fault. */
  readonly first: Promise<unknown>;
  /** Rejects at the second. */
  readonly second: Promise<never>;
  stopWatching(): void;
}

function watchEnds(stops: Stops, log: Logger): Ends {
  let count = 0;
  let resolveFirst: (reason: unknown) => void = () => {};
  let rejectSecond: (reason: Error) => void = () => {};
  const first = new Promise<unknown>((resolve) => {
    resolveFirst = resolve;
  });
  const second = new Promise<never>((_, reject) => {
    rejectSecond = reject;
  });
  // Nobody may be waiting for it when it happens.
  second.catch(() => {});

  const end = (fault: unknown, what: string) => {
    count += 1;
    if (count === 1) resolveFirst(fault);
    else rejectSecond(new Error(what));
  };
  const onSignal = (signal: StopSignal) => () => {
    log.info("Received signal from OS", { signal });
    end(undefined, `a second signal (${signal}) came`);
  };
  const onFault = (reason: unknown) => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    log.error("Unexpected fault, terminating process", { error, stack: error.stack });
    end(error, `a fault came while stopping: ${error.message}`);
  };
  const onTerm = onSignal("SIGTERM");
  const onInt = onSignal("SIGINT");
  stops.on("SIGTERM", onTerm);
  stops.on("SIGINT", onInt);
  stops.on("uncaughtException", onFault);
  stops.on("unhandledRejection", onFault);
  return {
    first,
    second,
    stopWatching() {
      stops.removeListener("SIGTERM", onTerm);
      stops.removeListener("SIGINT", onInt);
      stops.removeListener("uncaughtException", onFault);
      stops.removeListener("unhandledRejection", onFault);
    },
  };
}
