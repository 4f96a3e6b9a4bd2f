import { readdirSync } from "node:fs";
import { join } from "node:path";
import { readProcFile } from "./proc-files.js";

/** A BPF program in the kernel. */
export interface BpfProgram {
  readonly id: number;
  /** Time that it ran on all CPUs since it was loaded; counted only while kernel.bpf_stats_enabled is 1. */
  readonly runNs: bigint;
  readonly runs: bigint;
}

/** Programs that these processes hold open, each once, by id. Empty where their descriptors may not be looked at. */
export function readBpfPrograms(proc: string, pids: readonly number[]): Map<number, BpfProgram> {
  const programs = new Map<number, BpfProgram>();
  for (const pid of pids) {
    const folder = join(proc, String(pid), "fdinfo");
    for (const fd of descriptors(folder)) {
      const program = parseFdinfo(readProcFile(join(folder, fd), 64 * 1024) ?? "");
      if (program) programs.set(program.id, program);
    }
  }
  return programs;
}

function descriptors(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Other descriptors have a prog_id too (links): only programs themselves have a prog_tag and run times. */
function parseFdinfo(text: string): BpfProgram | undefined {
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\d+)$`, "m").exec(text)?.[1];
  const [id, runNs, runs] = [field("prog_id"), field("run_time_ns"), field("run_cnt")];
  if (id === undefined || runNs === undefined || runs === undefined) return undefined;
  return { id: Number(id), runNs: BigInt(runNs), runs: BigInt(runs) };
}
