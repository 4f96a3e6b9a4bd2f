import type { BpfStats } from "./bpf-stats.js";
import type { Comparison, Spread } from "./statistics.js";
import type { Summary } from "./summary.js";

/** What was measured, and on what. */
export interface Setup {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
  readonly url: string;
  readonly service: string;
  /** The collector's arguments. */
  readonly collector: string;
  readonly cpus: number;
  readonly kernel: string;
  readonly node: string;
  readonly bpfStats: BpfStats["state"];
}

/** What a person reads. */
export function reportText(setup: Setup, summary: Summary): string {
  const { serviceCpuMsPerRequest } = summary;
  return [
    `rounds:    ${summary.pairs} with the agent and ${summary.pairs} without, in turn; ${setup.seconds} s each, after ${setup.warmUpSeconds} s of warm-up`,
    `host:      ${setup.cpus} CPUs, Linux ${setup.kernel}, Node.js ${setup.node}`,
    `load:      ${setup.connections} connections to ${setup.url} (${setup.service})`,
    `collector: ${setup.collector}`,
    "",
    ...aligned(comparisonRows(summary)),
    "",
    ...aligned(costRows(setup, summary)),
    "",
    sentence("Throughput", summary.requestsPerSecond),
    sentence("p99", summary.p99Ms),
    ...(serviceCpuMsPerRequest ? [sentence("CPU of the service", serviceCpuMsPerRequest)] : []),
    ...summary.notes,
    "",
  ].join("\n");
}

function comparisonRows(summary: Summary): string[][] {
  const row = (name: string, { off, on, change }: Comparison, digits: number) => [
    name,
    off.toFixed(digits),
    on.toFixed(digits),
    percent(change.median),
    `${percent(change.min)} .. ${percent(change.max)}`,
  ];
  const { serviceCpuMsPerRequest } = summary;
  return [
    ["medians", "off", "on", "change", "of each pair"],
    row("throughput, requests/s", summary.requestsPerSecond, 1),
    row("latency p50, ms", summary.p50Ms, 2),
    row("latency p99, ms", summary.p99Ms, 2),
    ...(serviceCpuMsPerRequest ? [row("CPU of the service, ms/request", serviceCpuMsPerRequest, 3)] : []),
  ];
}

const bpfStatsText: Readonly<Record<BpfStats["state"], string>> = {
  was_on: "kernel.bpf_stats_enabled was on",
  switched_on: "kernel.bpf_stats_enabled, on while this ran",
  off: "",
};

function costRows({ bpfStats }: Setup, summary: Summary): string[][] {
  const row = (name: string, { median, min, max }: Spread, how = "") => [
    name,
    median.toFixed(2),
    `${min.toFixed(2)} .. ${max.toFixed(2)}`,
    how,
  ];
  const mib = (name: string, bytes: number) => [name, (bytes / 2 ** 20).toFixed(1), "", ""];
  const { bpfPercent, kernelPercent } = summary;
  return [
    ["cost of the agent being on", "median", "min .. max", ""],
    row("CPU of the collector, % of one core", summary.collectorPercent),
    row("CPU of the agent, % of one core", summary.agentPercent),
    ...(bpfPercent ? [row("CPU of the kernel in BPF programs, %", bpfPercent, bpfStatsText[bpfStats])] : []),
    ...(kernelPercent
      ? [row("CPU of the kernel as a whole, on - off, %", kernelPercent, "system and interrupts of the host")]
      : []),
    mib("memory of the collector, peak MiB", summary.collectorPeakBytes),
    mib("memory of the agent, peak MiB", summary.agentPeakBytes),
  ];
}

/** Whether a figure says anything, in plain words. */
export function sentence(name: string, { change, offSpread, verdict }: Comparison): string {
  const changed = `${name} changed by ${percent(change.median)}`;
  const apart = `rounds without the agent differ by ${share(offSpread)} among themselves`;
  if (verdict === "too_few_rounds") return `${changed}; these are too few rounds to tell whether that means anything.`;
  if (verdict === "changed") return `${changed}, which is more than chance: ${apart}.`;
  return `${name}: no difference can be told. It changed by ${percent(change.median)}, but ${apart}.`;
}

function percent(value: number): string {
  return `${value < 0 ? "-" : "+"}${share(Math.abs(value))}`;
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}

/** Columns side by side: the first to the left, figures to the right, and what stands in the last as it is. */
function aligned(rows: readonly string[][]): string[] {
  const last = rows[0].length - 1;
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => {
        if (column === 0) return cell.padEnd(widths[0]);
        return column === last ? cell : cell.padStart(widths[column]);
      })
      .join("  ")
      .trimEnd(),
  );
}
