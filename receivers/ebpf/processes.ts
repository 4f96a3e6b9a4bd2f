import { basename, join } from "node:path";
import { bootTimeMs, executableOf, msPerTick, readProcFile, readStat } from "../../src/proc/proc-files.js";
import { cgroupPaths, containerIdOf } from "./cgroup.js";

/** A process as it is while this object is handed out: another one with its id, or an exec, gives another object. */
export interface HostProcess {
  readonly pid: number;
  readonly startTicks: number;
  /** Milliseconds since 1970; undefined where the host's boot time isn't known. */
  readonly startTimeMs: number | undefined;
  /** "" for kernel threads, and where it may not be read. */
  readonly path: string;
  readonly name: string;
  readonly cgroups: readonly string[];
  /** "" outside of containers. */
  readonly containerId: string;
  /** "" unless asked for. */
  readonly commandLine: string;
}

/** What a look at /proc came to; `gone` and `reused` samples can't be told whose they were. */
export type Found = HostProcess | "gone" | "reused";

export interface ProcessTableOptions {
  readonly proc: string;
  readonly commandLine: boolean;
  /** Processes that are remembered. */
  readonly maxProcesses: number;
}

interface Entry {
  readonly process: HostProcess;
  /** What the interval of this number was told. */
  readonly found: Found;
  readonly interval: number;
}

/** A process that ended is still itself for so many intervals since it was last seen. */
const rememberedIntervals = 12;
const maxCgroupBytes = 64 * 1024;
const maxCommandLineBytes = 4096;

/** Who the processes of the host are. Each is looked at once an interval, so that a reused id is seen. */
export class ProcessTable {
  private readonly options: ProcessTableOptions;
  private readonly entries = new Map<number, Entry>();
  private bootMs: number | undefined;
  private interval = 0;

  constructor(options: ProcessTableOptions) {
    this.options = options;
  }

  get size(): number {
    return this.entries.size;
  }

  /** From now on processes are looked at again. */
  beginInterval(): void {
    this.interval++;
  }

  /**
   * The process that has this id, or had it when it was seen a short while ago. Where the id went to another process
   * since, the interval's samples may be of either: "reused".
   */
  find(pid: number): Found {
    const known = this.entries.get(pid);
    if (known?.interval === this.interval) return known.found;
    const stat = readStat(this.options.proc, pid);
    if (!stat) return this.ended(pid, known);
    const path = executableOf(this.options.proc, pid);
    const isSame = known !== undefined && known.process.startTicks === stat.startTicks;
    const process = isSame && known.process.path === path ? known.process : this.read(pid, stat, path);
    const found = known && !isSame ? "reused" : process;
    this.remember(pid, { process, found, interval: this.interval });
    return found;
  }

  private ended(pid: number, known: Entry | undefined): Found {
    if (!known) return "gone";
    // Kept as last seen, so that its time runs out.
    if (this.interval - known.interval <= rememberedIntervals) return known.process;
    this.entries.delete(pid);
    return "gone";
  }

  private remember(pid: number, entry: Entry): void {
    this.entries.delete(pid);
    this.entries.set(pid, entry);
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= this.options.maxProcesses) break;
      this.entries.delete(oldest);
    }
  }

  private read(pid: number, { comm, startTicks }: { comm: string; startTicks: number }, path: string): HostProcess {
    const own = join(this.options.proc, String(pid));
    const cgroups = cgroupPaths(readProcFile(join(own, "cgroup"), maxCgroupBytes) ?? "");
    this.bootMs ??= bootTimeMs(this.options.proc);
    return {
      pid,
      startTicks,
      startTimeMs: this.bootMs === undefined ? undefined : this.bootMs + startTicks * msPerTick,
      path,
      name: path === "" ? comm : basename(path),
      cgroups,
      containerId: containerIdOf(cgroups),
      commandLine: this.options.commandLine ? commandLine(own) : "",
    };
  }
}

function commandLine(own: string): string {
  return (readProcFile(join(own, "cmdline"), maxCommandLineBytes) ?? "").replaceAll("\0", " ").trimEnd();
}
