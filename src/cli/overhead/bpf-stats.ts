import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readProcFile } from "../../proc/proc-files.js";

/** Whether the kernel counts how long BPF programs run, kernel.bpf_stats_enabled. */
export interface BpfStats {
  readonly state: "was_on" | "switched_on" | "off";
  /** Leaves it as it was found. */
  restore(): void;
}

/** Switches the count on where it is off and we may. */
export function countBpfRunTime(proc: string): BpfStats {
  const file = join(proc, "sys/kernel/bpf_stats_enabled");
  const before = readProcFile(file, 16)?.trim();
  if (before === "1") return { state: "was_on", restore: () => {} };
  if (before !== "0" || !write(file, "1")) return { state: "off", restore: () => {} };
  return { state: "switched_on", restore: () => void write(file, "0") };
}

function write(file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch {
    return false;
  }
}
