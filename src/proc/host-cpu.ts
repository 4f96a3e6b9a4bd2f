import { join } from "node:path";
import { msPerTick, readProcFile } from "./proc-files.js";

/** Milliseconds that all CPUs together have spent in the kernel since boot: system time and interrupts, hard and soft. */
export function kernelCpuMs(proc: string): number | undefined {
  const line = /^cpu +(\d.*)$/m.exec(readProcFile(join(proc, "stat"), 4 * 1024 * 1024) ?? "")?.[1];
  if (line === undefined) return undefined;
  const fields = line.split(" ").map(Number);
  const [system, irq, softirq] = [fields[2], fields[5], fields[6]];
  return msPerTick * (system + (irq ?? 0) + (softirq ?? 0));
}
