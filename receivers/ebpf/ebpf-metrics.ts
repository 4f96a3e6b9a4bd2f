import type { Settings } from "../../src/component/factory.js";
import type { Counter } from "../../src/telemetry/metrics.js";
import type { StreamFault } from "./stream-parser.js";

/** What became of samples, as agents count them. */
const outcomes = {
  taken: "taken",
  /** The pipeline refused them for good, or for too long. */
  refused: "refused",
  /** Of processes that are not wanted. */
  filtered: "filtered",
  /** The agent says that it lost them. */
  lost: "lost",
} as const;
export type Outcome = keyof typeof outcomes;

export interface EbpfMetrics {
  samples(outcome: Outcome, count: number): void;
  fault(fault: StreamFault): void;
  /** Samples came of a process that can't be told; once for each process and interval. */
  unknownProcess(why: "gone" | "reused"): void;
  /** Frames have no name and no file: their process is not known, or their addresses are of no file. */
  bareFrames(why: "unknown_process" | "unmapped", count: number): void;
  connectionTurnedAway(): void;
  /** The agent has a sample whose stack it can't find. */
  stackLookupFailed(): void;
  agentStarted(): void;
}

export function createEbpfMetrics({ id, metrics }: Settings): EbpfMetrics {
  const receiver = { receiver: id };
  const labelled = (name: string, help: string, label: string, values: readonly string[]) =>
    new Map(values.map((value) => [value, metrics.counter(name, help, { ...receiver, [label]: value })]));
  const samples = labelled(
    "flamepipe_ebpf_samples_total",
    "Samples as agents count them, by what became of them.",
    "outcome",
    Object.keys(outcomes),
  );
  const faults = labelled(
    "flamepipe_ebpf_stream_faults_total",
    "Parts of agents' streams that could not be used.",
    "reason",
    ["invalid", "too_long", "incomplete"],
  );
  const unknown = labelled(
    "flamepipe_ebpf_unknown_processes_total",
    "Processes with samples of which /proc had nothing, or whose id went to another one meanwhile; counted each interval.",
    "reason",
    ["gone", "reused"],
  );
  const bare = labelled(
    "flamepipe_ebpf_bare_frames_total",
    "Frames without a name and without a file; counted each interval.",
    "reason",
    ["unknown_process", "unmapped"],
  );
  const turnedAway = metrics.counter(
    "flamepipe_ebpf_connections_refused_total",
    "Connections beyond max_connections.",
    receiver,
  );
  const failedLookups = metrics.counter(
    "flamepipe_ebpf_stack_lookups_failed_total",
    "Stacks that bpftrace could not look up: their samples have none.",
    receiver,
  );
  const starts = metrics.counter("flamepipe_ebpf_agent_starts_total", "Times that the agent was started.", receiver);
  const add = (counters: ReadonlyMap<string, Counter>, value: string, count: number) => counters.get(value)?.add(count);
  return {
    samples: (outcome, count) => add(samples, outcome, count),
    fault: (fault) => add(faults, fault, 1),
    unknownProcess: (why) => add(unknown, why, 1),
    bareFrames: (why, count) => add(bare, why, count),
    connectionTurnedAway: () => turnedAway.add(1),
    stackLookupFailed: () => failedLookups.add(1),
    agentStarted: () => starts.add(1),
  };
}
