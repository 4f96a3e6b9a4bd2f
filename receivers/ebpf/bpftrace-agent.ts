import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BpftraceMapParser } from "./bpftrace-map.js";
import {
  bpftraceProgram,
  halfOfProgram,
  type ProgramOptions,
  programMapKey,
  programTotals,
} from "./bpftrace-program.js";
import type { EbpfMetrics } from "./ebpf-metrics.js";
import type { Intake } from "./intake.js";
import type { StreamParser } from "./stream-parser.js";
import type { AgentCommand } from "./supervisor.js";

/** Different stacks that the program's maps hold; what comes on top is lost, and counted. */
const mapKeys = 32_768;
/** Share of an interval's stacks that bpftrace may fail to look up before it is started anew. */
const tolerableFailures = 0.05;
const failedLookup = /failed to look up stack id|Failed to lookup stack id/i;

/** Longest that bpftrace may take to say which one it is. */
const versionTimeoutMs = 10_000;
/** The first minor release (0.18) with stacks of mode raw. */
const firstWithRawStacks = 18;
/** The first that warns of the older name of a variable. */
const firstWithNewNames = 23;

/** The minor number of the release (17 of 0.17); 0 where the program doesn't say. */
async function releaseOf(program: string, args: readonly string[]): Promise<number> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args, "--version"], { timeout: versionTimeoutMs });
    const [, major, minor] = /^bpftrace v?(\d{1,3})\.(\d{1,5})/m.exec(stdout) ?? ["", "0", "0"];
    return major === "0" ? Number(minor) : Number.POSITIVE_INFINITY;
  } catch {
    return 0;
  }
}

/** The command that runs our program, as this bpftrace understands it. */
export async function bpftraceCommand(
  program: string,
  args: readonly string[],
  options: Omit<ProgramOptions, "hasRawStacks">,
): Promise<AgentCommand> {
  const release = await releaseOf(program, args);
  const hasRawStacks = release >= firstWithRawStacks;
  return {
    program,
    args: [...args, "-B", "line", "-f", "json", "-e", bpftraceProgram({ ...options, hasRawStacks })],
    env: {
      BPFTRACE_NO_USER_SYMBOLS: "1",
      // The same by its newer and its older name.
      BPFTRACE_MAX_MAP_KEYS: String(mapKeys),
      ...(release < firstWithNewNames && { BPFTRACE_MAP_KEYS_MAX: String(mapKeys) }),
    },
  };
}

/** What our program prints, interval by interval. */
export interface BpftraceOutput {
  readonly parser: StreamParser;
  /** bpftrace is about to be interrupted. */
  lastWords(): void;
  /** True if the line was about what `parser` reads, and needs no more attention. */
  stderrLine(line: string): boolean;
}

/**
 * `worn` is called when stacks can't be looked up any more: bpftrace 0.17 fills its table of stacks and never clears it.
 *
 * A half waits for its total. Interrupted between printing a half and clearing it, bpftrace prints it once more at its end:
 * the second print stands for both.
 */
export function createBpftraceOutput(intake: Intake, metrics: EbpfMetrics, worn: () => void): BpftraceOutput {
  let pending: { readonly half: string; readonly line: Buffer } | undefined;
  let samples = 0;
  let entries = 0;
  let failures = 0;
  let isEnding = false;

  function readPending(): void {
    if (pending) maps.line(pending.line);
    pending = undefined;
  }

  function intervalOver(total: number): void {
    readPending();
    // What is printed at the end may have a total that was not cleared.
    if (total > samples && !isEnding) intake.lostEvents(total - samples);
    if (failures > entries * tolerableFailures) worn();
    samples = 0;
    entries = 0;
    failures = 0;
    void intake.flush();
  }

  const maps = new BpftraceMapParser(programMapKey, {
    process(pid, comm, count) {
      samples += count;
      entries++;
      return intake.process(pid, comm, count);
    },
    fault: (fault, detail) => intake.fault(fault, detail),
    lostEvents: (count) => intake.lostEvents(count),
    total(map, value) {
      if (pending && programTotals.get(map) === pending.half) intervalOver(value);
    },
  });
  return {
    parser: {
      line(bytes) {
        const half = halfOfProgram.exec(bytes.toString("latin1", 0, 64))?.[1];
        if (half === undefined) {
          maps.line(bytes);
          return;
        }
        if (pending?.half !== half) readPending();
        pending = { half, line: Buffer.from(bytes) };
      },
      end(unfinished) {
        readPending();
        maps.end(unfinished);
        isEnding = false;
      },
    },
    lastWords() {
      isEnding = true;
    },
    stderrLine(line) {
      if (!failedLookup.test(line)) return false;
      failures++;
      metrics.stackLookupFailed();
      return true;
    },
  };
}
