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
  connectionTurnedAway(): void;
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
  const turnedAway = metrics.counter(
    "flamepipe_ebpf_connections_refused_total",
    "Connections beyond max_connections.",
    receiver,
  );
  const add = (counters: ReadonlyMap<string, Counter>, value: string, count: number) => counters.get(value)?.add(count);
  return {
    samples: (outcome, count) => add(samples, outcome, count),
    fault: (fault) => add(faults, fault, 1),
    unknownProcess: (why) => add(unknown, why, 1),
    connectionTurnedAway: () => turnedAway.add(1),
  };
}
