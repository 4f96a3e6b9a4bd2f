import { closeSync, existsSync, openSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";

/** The kernel's unit of time towards programs (USER_HZ), whatever its timer's rate. */
export const msPerTick = 10;

/** What /proc/PID/stat says; times are ticks. */
export interface ProcessStat {
  readonly comm: string;
  readonly parentPid: number;
  /** User and system time of all threads, ended ones too. */
  readonly cpuTicks: number;
  /** The same of children that ended and were waited for, and of theirs. */
  readonly endedChildrenTicks: number;
  /** Since boot: with the pid, it names one process. */
  readonly startTicks: number;
}

/** Files of /proc are read one at a time, and most fit. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

/** A file of /proc as text, cut at `maxBytes`; undefined where the process is gone or may not be looked at. */
export function readProcFile(path: string, maxBytes: number): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, "r");
    let bytes = scratch;
    let length = 0;
    for (;;) {
      const got = readSync(fd, bytes, length, Math.min(bytes.length, maxBytes) - length, null);
      length += got;
      if (got === 0 || length === maxBytes) return bytes.toString("utf8", 0, length);
      if (length < bytes.length) continue;
      const larger = Buffer.allocUnsafe(2 * bytes.length);
      bytes.copy(larger, 0, 0, length);
      bytes = larger;
    }
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** undefined where there is no such process. */
export function readStat(proc: string, pid: number): ProcessStat | undefined {
  const path = join(proc, String(pid), "stat");
  // Most that are asked for are gone; an error with its stack costs ten times what the question does.
  return existsSync(path) ? parseStat(readProcFile(path, 4096) ?? "") : undefined;
}

/** comm stands in parentheses and may hold any of them: what counts is the last one. */
function parseStat(text: string): ProcessStat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ", 20);
  const [parentPid, user, system, childrenUser, childrenSystem, startTicks] = [1, 11, 12, 13, 14, 19].map((at) =>
    Number(fields[at]),
  );
  if (!Number.isSafeInteger(startTicks)) return undefined;
  return {
    comm: text.slice(open + 1, close),
    parentPid,
    cpuTicks: user + system,
    endedChildrenTicks: childrenUser + childrenSystem,
    startTicks,
  };
}

/** What the link exe of a process says; "" for kernel threads and where it may not be read. */
export function executableOf(proc: string, pid: number): string {
  try {
    return readlinkSync(join(proc, String(pid), "exe")).replace(/ \(deleted\)$/, "");
  } catch {
    return "";
  }
}

/** Which mounts a process sees: equal texts, equal mounts. "" where it may not be looked at. */
export function mountNamespaceOf(proc: string, pid: number): string {
  try {
    return readlinkSync(join(proc, String(pid), "ns", "mnt"));
  } catch {
    return "";
  }
}

/** When the host started, in milliseconds since 1970; undefined where /proc/stat doesn't say. */
export function bootTimeMs(proc: string): number | undefined {
  const seconds = /^btime (\d+)$/m.exec(readProcFile(join(proc, "stat"), 4 * 1024 * 1024) ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
