/** What the program's maps are keyed by. */
export const programMapKey = ["pid", "tid", "comm", "kstack", "ustack"] as const;

/** The maps that are totals: one of each half. */
export const programTotals: ReadonlySet<string> = new Set(["@an", "@bn"]);

export interface ProgramOptions {
  readonly sampleRateHz: number;
  readonly intervalMs: number;
  /** Processes to sample; empty = all. */
  readonly pids: readonly number[];
}

/*
 * Samples are counted in one half while the other one, of the interval before, is printed and cleared: what is counted
 * between printing and clearing would else be lost. Each half has a total, so that it shows what a full map lost. The
 * idle task is no process. Stacks of different depths are kept in maps of their own; bpftrace 0.17 never clears those, and
 * four take longer to fill.
 */
export function bpftraceProgram({ sampleRateHz, intervalMs, pids }: ProgramOptions): string {
  const wanted = pids.length === 0 ? "pid != 0" : pids.map((pid) => `pid == ${pid}`).join(" || ");
  return `BEGIN { @half = 0; }
profile:hz:${sampleRateHz} /${wanted}/ {
  if (@half == 0) {
    @a[pid, tid, comm, kstack(perf, 127), ustack(perf, 127)] = count();
    @an = count();
  } else {
    @b[pid, tid, comm, kstack(perf, 126), ustack(perf, 126)] = count();
    @bn = count();
  }
}
interval:ms:${intervalMs} {
  if (@half == 0) {
    @half = 1;
    print(@a); clear(@a); print(@an); clear(@an);
  } else {
    @half = 0;
    print(@b); clear(@b); print(@bn); clear(@bn);
  }
}
END { clear(@half); }
`;
}
