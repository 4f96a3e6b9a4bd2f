import type { BpfStats } from "./bpf-stats.js";
import type { Round } from "./rounds.js";
import { type Comparison, compare, type Pair, type Spread, spreadOf } from "./statistics.js";

/** What pairs of rounds come to; CPU in per cent of one core. */
export interface Summary {
  readonly pairs: number;
  readonly requestsPerSecond: Comparison;
  readonly p50Ms: Comparison;
  readonly p99Ms: Comparison;
  /** Absent where the service isn't ours. */
  readonly serviceCpuMsPerRequest?: Comparison;
  readonly collectorPercent: Spread;
  readonly agentPercent: Spread;
  /** Absent where the kernel didn't count it, or there were no BPF programs. */
  readonly bpfPercent?: Spread;
  /** Of the whole host, with the agent less without. */
  readonly kernelPercent?: Spread;
  readonly collectorPeakBytes: number;
  readonly agentPeakBytes: number;
  /** What has to be known to trust the figures. */
  readonly notes: readonly string[];
}

/** From here on the load generator may be what limits throughput. */
const busyLoadPercent = 80;

/** Of the whole pairs among the rounds, which are in the order in which they were measured; undefined if there is none. */
export function summarize(rounds: readonly Round[], stats: BpfStats["state"]): Summary | undefined {
  const pairs = pairUp(rounds);
  if (pairs.length === 0) return undefined;
  const taken = pairs.flatMap(({ off, on }) => [off, on]);
  const usages = pairs.flatMap(({ on }) => on.usage ?? []);
  const figures = (figure: (round: Round) => number | undefined): Pair[] =>
    pairs.flatMap(({ off, on }) => {
      const [offValue, onValue] = [figure(off), figure(on)];
      return offValue === undefined || onValue === undefined ? [] : [{ off: offValue, on: onValue }];
    });
  const service = figures((round) => round.serviceCpuMsPerRequest);
  const kernel = figures((round) => round.kernelPercent).map(({ off, on }) => on - off);
  const hasBpf = stats !== "off" && usages.some(({ hasPrograms }) => hasPrograms);
  return {
    pairs: pairs.length,
    requestsPerSecond: compare(figures((round) => round.requestsPerSecond)),
    p50Ms: compare(figures((round) => round.load.p50Ms)),
    p99Ms: compare(figures((round) => round.load.p99Ms)),
    ...(service.length > 0 ? { serviceCpuMsPerRequest: compare(service) } : {}),
    collectorPercent: spreadOf(usages.map((usage) => usage.collectorPercent)),
    agentPercent: spreadOf(usages.map((usage) => usage.agentPercent)),
    ...(hasBpf ? { bpfPercent: spreadOf(usages.map((usage) => usage.bpfPercent)) } : {}),
    ...(kernel.length > 0 ? { kernelPercent: spreadOf(kernel) } : {}),
    collectorPeakBytes: Math.max(...usages.map((usage) => usage.collectorPeakBytes)),
    agentPeakBytes: Math.max(...usages.map((usage) => usage.agentPeakBytes)),
    notes: notesOn(taken, stats),
  };
}

interface RoundPair {
  readonly off: Round;
  readonly on: Round;
}

function pairUp(rounds: readonly Round[]): RoundPair[] {
  const pairs: RoundPair[] = [];
  for (let at = 0; at + 1 < rounds.length; at += 2) {
    const [first, second] = [rounds[at], rounds[at + 1]];
    pairs.push(first.agent === "off" ? { off: first, on: second } : { off: second, on: first });
  }
  return pairs;
}

function notesOn(rounds: readonly Round[], stats: BpfStats["state"]): string[] {
  const notes: string[] = [];
  const usages = rounds.flatMap(({ usage }) => usage ?? []);
  const withoutAgent = usages.filter(({ hasAgent }) => !hasAgent).length;
  if (withoutAgent === usages.length) {
    notes.push("The collector ran no agent: what was measured is the collector alone.");
  } else if (withoutAgent > 0) {
    notes.push(`In ${withoutAgent} of ${usages.length} rounds no agent was running at the end.`);
  }
  if (usages.some(({ hasPrograms }) => hasPrograms) && stats === "off") {
    notes.push(
      "The run time of BPF programs was not counted: kernel.bpf_stats_enabled is 0, and only root may set it.",
    );
  }
  const busiest = Math.max(...rounds.map(({ loadCpuPercent }) => loadCpuPercent));
  if (busiest >= busyLoadPercent) {
    notes.push(
      `Making the load took up to ${busiest.toFixed(0)} % of one core: it may be what limits throughput. Let requests do more.`,
    );
  }
  const failed = rounds.reduce((sum, { load }) => sum + load.failed, 0);
  if (failed > 0) {
    const { failure } = rounds.map(({ load }) => load).filter((load) => load.failed > 0)[0];
    notes.push(`${failed} requests failed and are not in the figures; the first round with some: ${failure}`);
  }
  return notes;
}
