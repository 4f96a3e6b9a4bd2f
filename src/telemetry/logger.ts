import { type DestinationStream, destination, type Logger as Pino, pino } from "pino";
import type { Fields, Logger } from "./log.js";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Of lines with the same level and message: the first `initial` in each `tickMs`, then every `thereafter`-th (0 = none). */
export interface LogSampling {
  readonly enabled: boolean;
  readonly tickMs: number;
  readonly initial: number;
  readonly thereafter: number;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly encoding: "console" | "json";
  /** "stderr", "stdout" or files, which are appended to. */
  readonly outputPaths: readonly string[];
  readonly sampling: LogSampling;
  readonly initialFields: Fields;
}

export const defaultLoggerOptions: LoggerOptions = {
  level: "info",
  encoding: "console",
  outputPaths: ["stderr"],
  sampling: { enabled: true, tickMs: 10_000, initial: 10, thereafter: 100 },
  initialFields: {},
};

/** Writes a whole line; lines are out when it returns, so that nothing is lost at exit. */
export interface LineSink {
  write(line: string): void;
}

/**
 * A logger by pino: JSON as `{"level","ts","msg",...fields}`, console as tab-separated time, level, message and fields.
 * `sinks` and `now` (milliseconds) are for tests. Throws if an output path can't be opened.
 */
export function createLogger(
  options: LoggerOptions,
  sinks: readonly LineSink[] = options.outputPaths.map(openSink),
  now: () => number = Date.now,
): Logger {
  const write = (line: string) => {
    const text = options.encoding === "json" ? line : toConsole(line);
    for (const sink of sinks) sink.write(text);
  };
  const root = pino(
    {
      base: null,
      level: options.level,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date(now()).toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
    },
    { write } as DestinationStream,
  );
  const sample = createSampler(options.sampling, now);
  return wrap(root.child(plain(options.initialFields)), sample);
}

/** True if a line may be written. */
type Sampler = (level: LogLevel, message: string) => boolean;

function wrap(to: Pino, sample: Sampler): Logger {
  const write = (level: LogLevel, message: string, fields: Fields | undefined) => {
    if (!to.isLevelEnabled(level) || !sample(level, message)) return;
    if (fields === undefined) to[level](message);
    else to[level](plain(fields), message);
  };
  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    with: (fields) => wrap(to.child(plain(fields)), sample),
  };
}

/** Errors as their message: pino writes other objects as JSON, in which an Error is empty. */
function plain(fields: Fields): Fields {
  const out: Fields = {};
  for (const [key, value] of Object.entries(fields)) out[key] = value instanceof Error ? value.message : value;
  return out;
}

function createSampler(sampling: LogSampling, now: () => number): Sampler {
  if (!sampling.enabled) return () => true;
  const counts = new Map<string, number>();
  let tickStart = now();
  return (level, message) => {
    const time = now();
    if (time - tickStart >= sampling.tickMs) {
      // Messages are constant sentences, so that this is small; clearing bounds it where someone breaks the rule.
      counts.clear();
      tickStart = time;
    }
    const key = `${level} ${message}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count <= sampling.initial) return true;
    return sampling.thereafter > 0 && (count - sampling.initial) % sampling.thereafter === 0;
  };
}

function toConsole(line: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.keys(fields).length === 0 ? "" : `\t${JSON.stringify(fields)}`;
  return `${ts}\t${level}\t${msg}${rest}\n`;
}

function openFile(path: string) {
  try {
    return destination({ dest: path, sync: true, append: true, mkdir: false });
  } catch (caught) {
    throw new Error(`cannot open log output: ${(caught as Error).message}`, { cause: caught });
  }
}

function openSink(path: string): LineSink {
  if (path === "stderr") return destination({ fd: 2, sync: true });
  if (path === "stdout") return destination({ fd: 1, sync: true });
  const sink = openFile(path);
  // A full disk costs log lines, not the collector.
  sink.on("error", () => {});
  return sink;
}
