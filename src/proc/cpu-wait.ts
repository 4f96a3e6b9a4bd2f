import { join } from "node:path";
import { readProcFile } from "./proc-files.js";

/** How long the first thread of a process has been ready to run without a CPU; 0 where the kernel doesn't say. */
export function cpuWaitMs(proc: string, pid: number): number {
  const waitedNs = /^\d+ (\d+) \d+/.exec(readProcFile(join(proc, String(pid), "schedstat"), 4096) ?? "")?.[1];
  return waitedNs === undefined ? 0 : Number(waitedNs) / 1e6;
}
