/*
 * The text of `perf script`: a header line per event, then its stack, innermost frame first, then an empty line.
 *
 *   node  1152/1153 [000]  3105.009181:   10101010 cpu-clock:pppH:
 *           14ce0dc Builtins_JSEntryTrampoline+0x5c (/usr/bin/node)
 *
 * pid, cpu, time and period depend on the fields that perf was asked for; of `pid/tid` a lone number is the tid. Without
 * call graphs the one frame stands in the header, which then is indented, and there are no empty lines.
 */

/**
 * comm, pid, tid, cpu, seconds, fraction, period, event, rest; marks of `-F +misc` stand before the time. The parts of the
 * line that it looks at are bounded.
 */
const header =
  /^(.{1,64}?)\s+(?:(-?\d+)\/)?(-?\d+)\s+(?:\[(\d+)\]\s+)?(?:[KUHGgMES]{1,3}\s+(?=\d))?(?:(\d+)\.(\d+):\s+)?(?:(\d+)\s+)?(?=\S*[a-zA-Z])(\S+?):(?:\s+(.*))?$/;
const maxHeader = 512;
const addressAndMore = /^\s*([0-9a-f]+)(?:\s+(\S.*))?$/;
const record = /(?:^|\s)PERF_RECORD_[A-Z0-9_]+\b/;
const sourceLine = /^\s+\S[^:]*:\d+$/;

export interface PerfFrame {
  /** Hex digits. */
  readonly address: string;
  /** Without its offset; "" where there is none. */
  readonly symbol: string;
  readonly module: string;
}

export interface PerfHeader {
  readonly comm: string;
  /** "" where the text has none. */
  readonly pid: string;
  readonly tid: string;
  /** "" where the text has none. */
  readonly cpu: string;
  readonly seconds: string | undefined;
  readonly fraction: string;
  /** "" where the text has none, or a number past int64. */
  readonly period: string;
  /** Without its modifiers. */
  readonly event: string;
  /** Without a call graph the one frame stands in the header. */
  readonly frame: PerfFrame | undefined;
  /** True if no frames follow: the next line, though it is indented, is an event of its own. */
  readonly isAlone: boolean;
}

/** The header line of an event; undefined if it is none. */
export function parsePerfHeader(line: string): PerfHeader | undefined {
  const match = header.exec(line.slice(0, maxHeader));
  if (!match) return undefined;
  const [head, comm, pid = "", tid, cpu = "", seconds, fraction = "", period = "", event, start = ""] = match;
  const rest = line.slice(head.length - start.length);
  return {
    comm: comm.trim(),
    pid,
    tid,
    cpu,
    seconds,
    fraction,
    period: cut64(period),
    // `cpu-clock:pppH` is cpu-clock with modifiers; a tracepoint is `sched:sched_switch`.
    event: event.replace(/:[ukhIGHpPSDWe]*$/, ""),
    frame: rest.endsWith(")") ? parsePerfFrame(rest) : undefined,
    isAlone: /^\s/.test(line),
  };
}

/** True for what perf tells between events, with --show-mmap-events and the like: nothing of it is a sample. */
export function isPerfRecord(line: string): boolean {
  return record.test(line.slice(0, maxHeader));
}

/** True for what may stand under a frame with `perf script -F +srcline`: it says nothing that totals or stacks need. */
export function isSourceLine(line: string): boolean {
  return sourceLine.test(line);
}

/** `14ce0dc Builtins_JSEntryTrampoline+0x5c (/usr/bin/node)`; symbol or module may be missing. */
export function parsePerfFrame(line: string): PerfFrame | undefined {
  const match = addressAndMore.exec(line);
  if (!match) return undefined;
  const [, address, rest = ""] = match;
  if (!rest.endsWith(")")) return { address, symbol: withoutOffset(rest), module: "" };
  const deleted = rest.endsWith(" (deleted))") ? " (deleted))".length : 0;
  const open = rest.lastIndexOf("(", rest.length - deleted - 1);
  if (open > 0 && rest[open - 1] !== " ") return { address, symbol: withoutOffset(rest), module: "" };
  const symbol = withoutOffset(rest.slice(0, Math.max(0, open)).trimEnd());
  // With -F +dsoff the offset in the file stands behind its name.
  return { address, symbol, module: withoutOffset(rest.slice(open + 1, -1)) };
}

function withoutOffset(symbol: string): string {
  const offset = symbol.lastIndexOf("+0x");
  return offset < 0 ? symbol : symbol.slice(0, offset);
}

/** Events whose period is CPU time in nanoseconds. */
export function isClock(name: string): boolean {
  return name === "cpu-clock" || name === "task-clock";
}

/** Modules in brackets are the kernel's, but for these. */
const userModules: ReadonlySet<string> = new Set(["[vdso]", "[vsyscall]", "[heap]", "[stack]", "[anon]", "[unknown]"]);

export function isKernel(module: string): boolean {
  if (module.startsWith("[") && module.endsWith("]")) return !userModules.has(module);
  return /\.ko(?:\.[a-z]+)?$/.test(module);
}

/** "" for a number past int64. */
function cut64(text: string): string {
  return text.length > 18 ? "" : text;
}
