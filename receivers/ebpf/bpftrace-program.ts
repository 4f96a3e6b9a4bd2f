/** What the program's maps are keyed by. */
export const programMapKey = ["pid", "tid", "comm", "kstack", "ustack"] as const;

/** Halves by the maps that are their totals. */
export const programTotals: ReadonlyMap<string, string> = new Map([
  ["@an", "@a"],
  ["@bn", "@b"],
]);

/** The beginning of a line with a half. */
export const halfOfProgram = /"(@[ab])": *\{/;

export interface ProgramOptions {
  readonly sampleRateHz: number;
  readonly intervalMs: number;
  /** Processes to sample; empty = all. */
  readonly pids: readonly number[];
  /** True if this bpftrace has stacks of mode raw: newer ones name user frames themselves in any other. */
  readonly hasRawStacks: boolean;
}

/*
 * Samples are counted in one half while the other one, of the interval before, is printed and cleared: what is counted
 * between printing and clearing would else be lost. That is done two ticks after the change of halves, when every CPU has
 * long since finished what it had begun in the old one. Each half has a total, so that it shows what a full map lost. The
 * idle task is no process. Stacks of different depths are kept in maps of their own; bpftrace 0.17 never clears those, and
 * four take longer to fill.
 */
export function bpftraceProgram({ sampleRateHz, intervalMs, pids, hasRawStacks }: ProgramOptions): string {
  const user = hasRawStacks ? "raw, " : "";
  const wanted = pids.length === 0 ? "pid != 0" : pids.map((pid) => `pid == ${pid}`).join(" || ");
  return `BEGIN { @half = 0; @due = 0; }
profile:hz:${sampleRateHz} /${wanted}/ {
  if (@half == 0) {
    @a[pid, tid, comm, kstack(127), ustack(${user}127)] = count();
    @an = count();
  } else {
    @b[pid, tid, comm, kstack(126), ustack(${user}126)] = count();
    @bn = count();
  }
}
interval:ms:${Math.round(intervalMs)} { @half = 1 - @half; @due = 2; }
interval:ms:${Math.max(1, Math.min(100, Math.floor(intervalMs / 4)))} {
  if (@due > 0) {
    @due = @due - 1;
    if (@due == 0) {
      if (@half == 1) {
        print(@a); clear(@a); print(@an); clear(@an);
      } else {
        print(@b); clear(@b); print(@bn); clear(@bn);
      }
    }
  }
}
END { clear(@half); clear(@due); }
`;
}
