import { type BpfProgram, readBpfPrograms } from "../../proc/bpf-programs.js";
import { msPerTick } from "../../proc/proc-files.js";
import { cpuMsOfTree, peakResidentBytes, readProcessTree, type TreeProcess } from "../../proc/process-tree.js";

/** What a running collector and the agent that it runs have used so far. */
export interface UsageReading {
  readonly collectorMs: number;
  readonly agentMs: number;
  readonly collectorPeakBytes: number;
  readonly agentPeakBytes: number;
  readonly agentPids: readonly number[];
  readonly programs: ReadonlyMap<number, BpfProgram>;
}

/** What was used between two readings; CPU in per cent of one core. */
export interface Usage {
  readonly collectorPercent: number;
  readonly agentPercent: number;
  /** Time that the agent's BPF programs ran; of use only while the kernel counts it. */
  readonly bpfPercent: number;
  readonly collectorPeakBytes: number;
  readonly agentPeakBytes: number;
  readonly hasAgent: boolean;
  readonly hasPrograms: boolean;
}

/**
 * The collector is the process that was started, with those that run its own executable (it reads binaries in one);
 * whatever else descends from it is the agent. Children that ended count as the agent's.
 */
export function readUsage(proc: string, pid: number): UsageReading {
  const tree = readProcessTree(proc, pid);
  const isCollector = ({ executable }: TreeProcess) => executable === tree[0].executable;
  const collector = tree.filter(isCollector);
  const agent = tree.filter((each) => !isCollector(each));
  const endedMs = msPerTick * collector.reduce((sum, { endedChildrenTicks }) => sum + endedChildrenTicks, 0);
  const peakBytes = (processes: readonly TreeProcess[]) =>
    processes.reduce((sum, each) => sum + peakResidentBytes(proc, each.pid), 0);
  const agentPids = agent.map((each) => each.pid);
  return {
    collectorMs: cpuMsOfTree(collector) - endedMs,
    agentMs: cpuMsOfTree(agent) + endedMs,
    collectorPeakBytes: peakBytes(collector),
    agentPeakBytes: peakBytes(agent),
    agentPids,
    programs: readBpfPrograms(proc, agentPids),
  };
}

export function usageBetween(before: UsageReading, after: UsageReading, elapsedMs: number): Usage {
  const percent = (ms: number) => (100 * ms) / elapsedMs;
  let runNs = 0n;
  for (const [id, program] of after.programs) runNs += program.runNs - (before.programs.get(id)?.runNs ?? 0n);
  return {
    collectorPercent: percent(after.collectorMs - before.collectorMs),
    agentPercent: percent(after.agentMs - before.agentMs),
    bpfPercent: percent(Number(runNs) / 1e6),
    collectorPeakBytes: after.collectorPeakBytes,
    agentPeakBytes: after.agentPeakBytes,
    hasAgent: after.agentPids.length > 0,
    hasPrograms: after.programs.size > 0,
  };
}
