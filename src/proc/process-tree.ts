import { readdirSync } from "node:fs";
import { join } from "node:path";
import { executableOf, msPerTick, type ProcessStat, readProcFile, readStat } from "./proc-files.js";

/** One process of a tree as it is now. */
export interface TreeProcess extends ProcessStat {
  readonly pid: number;
  /** "" where it may not be read. */
  readonly executable: string;
}

/** A process and whatever descends from it, the root first; empty where it is gone. */
export function readProcessTree(proc: string, rootPid: number): TreeProcess[] {
  const childrenOf = new Map<number, TreeProcess[]>();
  let root: TreeProcess | undefined;
  for (const name of readdirSync(proc)) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const stat = readStat(proc, pid);
    if (!stat) continue;
    const process = { ...stat, pid, executable: "" };
    if (pid === rootPid) root = process;
    const siblings = childrenOf.get(stat.parentPid);
    if (siblings) siblings.push(process);
    else childrenOf.set(stat.parentPid, [process]);
  }
  if (!root) return [];
  // Grows while it is walked. Ids are read one after the other, so a reused one may close a ring: each is taken once.
  const tree = new Map([[rootPid, root]]);
  for (const { pid } of tree.values()) {
    for (const child of childrenOf.get(pid) ?? []) if (!tree.has(child.pid)) tree.set(child.pid, child);
  }
  return [...tree.values()].map((process) => ({ ...process, executable: executableOf(proc, process.pid) }));
}

/**
 * CPU time of a tree so far, in milliseconds, ended processes included: it only grows while each child that ends is
 * waited for. Good to 10 ms.
 */
export function cpuMsOfTree(tree: readonly ProcessStat[]): number {
  return msPerTick * tree.reduce((sum, { cpuTicks, endedChildrenTicks }) => sum + cpuTicks + endedChildrenTicks, 0);
}

/** The most memory that a process has had resident, in bytes; 0 where the kernel doesn't say. */
export function peakResidentBytes(proc: string, pid: number): number {
  const status = readProcFile(join(proc, String(pid), "status"), 64 * 1024) ?? "";
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? "0";
  return Number(kib) * 1024;
}
