import { readdirSync } from "node:fs";
import { join } from "node:path";
import { msPerTick, readProcFile, readStat } from "../src/proc/proc-files.js";
import { peakResidentBytes, readProcessTree, type TreeProcess } from "../src/proc/process-tree.js";

const proc = "/proc";
const mib = 1024 * 1024;

/** CPU that a collector, the process that reads binaries for it and its agent have used so far, in milliseconds. */
export interface HostUsage {
  readonly atMs: number;
  /** By thread id, those of the collector's own process; its main thread has the process' id. */
  readonly threads: ReadonlyMap<number, number>;
  readonly collectorMs: number;
  readonly readerMs: number;
  readonly agentMs: number;
  readonly memory: string;
}

export function readHostUsage(pid: number): HostUsage {
  const tree = readProcessTree(proc, pid);
  const [collector] = tree;
  if (!collector) throw new Error("the collector has ended");
  const readers = tree.slice(1).filter(({ executable }) => executable === collector.executable);
  const agents = tree.filter(({ executable }) => executable !== collector.executable);
  return {
    atMs: performance.now(),
    threads: threadsOf(pid),
    collectorMs: cpuMs([collector]),
    readerMs: cpuMs(readers),
    agentMs: cpuMs(agents),
    memory: [collector, ...readers]
      .map((each) => `${residentMib(each.pid)} (peak ${(peakResidentBytes(proc, each.pid) / mib).toFixed(0)})`)
      .join(" + "),
  };
}

export interface HostShares {
  readonly collector: number;
  readonly reader: number;
  readonly agent: number;
  readonly main: number;
  /** The other threads of the collector's process, the busiest first. */
  readonly others: readonly number[];
}

/** Between two readings, in per cent of one core. */
export function sharesBetween(before: HostUsage, after: HostUsage, pid: number): HostShares {
  const percent = (ms: number) => (100 * ms) / (after.atMs - before.atMs);
  const threads = [...after.threads].map(([tid, ms]) => [tid, percent(ms - (before.threads.get(tid) ?? 0))] as const);
  return {
    collector: percent(after.collectorMs - before.collectorMs),
    reader: percent(after.readerMs - before.readerMs),
    agent: percent(after.agentMs - before.agentMs),
    main: threads.find(([tid]) => tid === pid)?.[1] ?? 0,
    others: threads.flatMap(([tid, share]) => (tid === pid ? [] : share)).sort((a, b) => b - a),
  };
}

function cpuMs(processes: readonly TreeProcess[]): number {
  return msPerTick * processes.reduce((sum, { cpuTicks }) => sum + cpuTicks, 0);
}

function threadsOf(pid: number): Map<number, number> {
  const folder = join(proc, String(pid), "task");
  const tids = readdirSync(folder).map(Number);
  return new Map(tids.map((tid) => [tid, msPerTick * (readStat(folder, tid)?.cpuTicks ?? 0)]));
}

function residentMib(pid: number): string {
  const status = readProcFile(join(proc, String(pid), "status"), 64 * 1024) ?? "";
  return (Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024).toFixed(0);
}
