import { readFileSync } from "node:fs";

/** Processes that are remembered, those of which samples came last. */
const maxProcesses = 4096;
/** Ticks of /proc/PID/stat per second, the same on every architecture. */
const ticksPerSecond = 100;
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
      bootMs ??= bootTimeMs(proc);
      const startedMs = now === undefined ? 0 : bootMs + (Number(now) * 1000) / ticksPerSecond;
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

/** Field 22 of /proc/PID/stat; the name of the program before it may hold anything, brackets too. */
export function startTicks(proc: string, pid: number): string | undefined {
  const text = read(`${proc}/${pid}/stat`);
  const ticks = text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  return /^\d{1,15}$/.test(ticks ?? "") ? ticks : undefined;
}

/** Unix time of the system's start; 0 where the system doesn't say. */
function bootTimeMs(proc: string): number {
  return Number(/^btime (\d+)$/m.exec(read(`${proc}/stat`))?.[1] ?? 0) * 1000;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
