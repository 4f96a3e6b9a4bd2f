import { bootTimeMs, msPerTick, readStat } from "../../src/proc/proc-files.js";

/** Processes that are remembered, those of which samples came last. */
const maxProcesses = 4096;
/** The time of boot is known to the second. */
const toleranceMs = 2000;

/** When processes began, by id: what tells a process from an earlier one with the same id. */
export interface StartTimes {
  /**
   * Start of a process in clock ticks since boot, as text. A process that is gone keeps the one that it had; undefined
   * for one that was never seen, and for one that began after `newestSampleMs` (unix time): the samples are of another.
   */
  of(pid: number, newestSampleMs: number): string | undefined;
}

export function createStartTimes(proc: string): StartTimes {
  const known = new Map<number, string>();
  let bootMs: number | undefined;
  return {
    of(pid, newestSampleMs) {
      const before = known.get(pid);
      const now = startTicks(proc, pid);
      bootMs ??= bootTimeMs(proc) ?? 0;
      const startedMs = now === undefined ? 0 : bootMs + Number(now) * msPerTick;
      const start = now === undefined || startedMs > newestSampleMs + toleranceMs ? before : now;
      if (start === undefined) return undefined;
      known.delete(pid);
      known.set(pid, start);
      if (known.size > maxProcesses) {
        const [oldest] = known.keys();
        known.delete(oldest);
      }
      return start;
    },
  };
}

/** Start of the process that has this id now, as text; undefined where there is none. */
export function startTicks(proc: string, pid: number): string | undefined {
  return readStat(proc, pid)?.startTicks.toString();
}
