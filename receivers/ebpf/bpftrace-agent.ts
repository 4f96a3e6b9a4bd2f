import { BpftraceMapParser } from "./bpftrace-map.js";
import { bpftraceProgram, type ProgramOptions, programMapKey, programTotals } from "./bpftrace-program.js";
import type { EbpfMetrics } from "./ebpf-metrics.js";
import type { Intake } from "./intake.js";
import type { StreamParser } from "./stream-parser.js";
import type { AgentCommand } from "./supervisor.js";

/** Different stacks that the program's maps hold; what comes on top is lost, and counted. */
const mapKeys = 32_768;
/** Share of an interval's stacks that bpftrace may fail to look up before it is started anew. */
const tolerableFailures = 0.05;
const failedLookup = /failed to look up stack id|Failed to lookup stack id/i;

export function bpftraceCommand(program: string, args: readonly string[], options: ProgramOptions): AgentCommand {
  return {
    program,
    args: [...args, "-B", "line", "-f", "json", "-e", bpftraceProgram(options)],
    env: {
      BPFTRACE_NO_USER_SYMBOLS: "1",
      // The same by its older and its newer name.
      BPFTRACE_MAP_KEYS_MAX: String(mapKeys),
      BPFTRACE_MAX_MAP_KEYS: String(mapKeys),
    },
  };
}

/** What our program prints, interval by interval. */
export interface BpftraceOutput {
  readonly parser: StreamParser;
  /** True if the line was about what `parser` reads, and needs no more attention. */
  stderrLine(line: string): boolean;
}

/** `worn` is called when stacks can't be looked up any more: bpftrace 0.17 fills its table of stacks and never clears it. */
export function createBpftraceOutput(intake: Intake, metrics: EbpfMetrics, worn: () => void): BpftraceOutput {
  let samples = 0;
  let entries = 0;
  let failures = 0;

  function intervalOver(total: number): void {
    if (total > samples) intake.lostEvents(total - samples);
    if (failures > entries * tolerableFailures) worn();
    samples = 0;
    entries = 0;
    failures = 0;
    void intake.flush();
  }

  const parser = new BpftraceMapParser(programMapKey, {
    process(pid, comm, count) {
      samples += count;
      entries++;
      return intake.process(pid, comm, count);
    },
    fault: (fault, detail) => intake.fault(fault, detail),
    lostEvents: (count) => intake.lostEvents(count),
    total(map, value) {
      // At its end bpftrace prints the other half, too, which is empty.
      if (programTotals.has(map) && (value > 0 || samples > 0)) intervalOver(value);
    },
  });
  return {
    parser,
    stderrLine(line) {
      if (!failedLookup.test(line)) return false;
      failures++;
      metrics.stackLookupFailed();
      return true;
    },
  };
}
