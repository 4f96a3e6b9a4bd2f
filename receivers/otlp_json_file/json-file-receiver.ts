import { stat } from "node:fs/promises";
import type { Consumer } from "../../src/component/consumer.js";
import { background } from "../../src/component/context.js";
import { badInput, type PipelineError, toPipelineError } from "../../src/component/errors.js";
import type { Receiver, Settings } from "../../src/component/factory.js";
import { type Clock, systemClock, type Timer } from "../../src/delivery/clock.js";
import { createConditionLog } from "../../src/delivery/condition-log.js";
import { glob, matchesGlob } from "../../src/files/glob.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { jsonToProto } from "../../src/proto/otlp-json.js";
import type { OtlpJsonFileConfig } from "./config.js";
import { Tail } from "./tail.js";

const firstRetryMs = 500;
const longestRetryMs = 30_000;
/** A line without an end is tried when nothing has come for this long. */
const flushAfterMs = 1000;

interface Followed {
  readonly tail: Tail;
  readonly path: string;
  quietSinceMs: number;
}

/** Reads OTLP JSON lines from files and follows them. A line waits on disk while nobody takes it. */
export function createJsonFileReceiver(
  settings: Settings,
  config: OtlpJsonFileConfig,
  next: Consumer,
  clock: Clock = systemClock,
): Receiver {
  const { log, metrics } = settings;
  const followed = new Map<string, Followed>();
  const conditions = {
    line: createConditionLog(clock),
    file: createConditionLog(clock),
    many: createConditionLog(clock),
  };
  const refusals = new Map<string, ReturnType<typeof metrics.counter>>();
  let timer: Timer;
  let polling: Promise<void> = Promise.resolve();
  let stopped = false;
  let wake = () => {};
  let first = true;
  const isStopped = () => stopped;

  function refused(reason: string, path: string, message: string): void {
    let counter = refusals.get(reason);
    if (!counter) {
      const labels = { receiver: settings.id, reason };
      counter = metrics.counter("flamepipe_file_lines_refused_total", "Lines that could not be taken.", labels);
      refusals.set(reason, counter);
    }
    counter.add(1);
    conditions.line.raise((repeats) => log.warn("A line can't be taken", { file: path, error: message, repeats }));
  }

  async function poll(): Promise<void> {
    try {
      await follow(await matching());
    } catch (error) {
      conditions.file.raise(() => log.warn("Files can't be found", { error: (error as Error).message }));
    }
    first = false;
    for (const each of [...followed.values()]) {
      if (stopped) return;
      await readOne(each);
    }
  }

  async function matching(): Promise<string[]> {
    const paths = new Set((await Promise.all(config.include.map((pattern) => glob(pattern)))).flat());
    return [...paths].filter((path) => !config.exclude.some((pattern) => matchesGlob(path, pattern)));
  }

  /** Opens files that are new, reads to their end and closes those whose name is gone or means another file. */
  async function follow(paths: readonly string[]): Promise<void> {
    const ids = new Set<string>();
    for (const path of paths) {
      if (stopped) return;
      try {
        const { dev, ino } = await stat(path);
        const id = `${dev}:${ino}`;
        ids.add(id);
        if (followed.has(id)) continue;
        if (followed.size >= config.max_concurrent_files) {
          conditions.many.raise(() =>
            log.warn("Too many files; some are not read", { max: config.max_concurrent_files }),
          );
          continue;
        }
        const tail = await Tail.open(path, first ? config.start_at : "beginning", config.max_log_size);
        followed.set(tail.id, { tail, path, quietSinceMs: clock.now() });
        ids.add(tail.id);
      } catch (error) {
        conditions.file.raise(() => log.warn("A file can't be read", { file: path, error: (error as Error).message }));
      }
    }
    for (const [id, each] of followed) {
      if (ids.has(id)) continue;
      await readOne(each);
      followed.delete(id);
      await each.tail.close();
    }
  }

  async function readOne(each: Followed): Promise<void> {
    const { tail, path } = each;
    try {
      const sink = {
        line: (bytes: Buffer) => take(bytes, path),
        tooLong: () => refused("too_long", path, `a line is longer than max_log_size (${config.max_log_size} bytes)`),
      };
      if (await tail.read(sink, isStopped)) each.quietSinceMs = clock.now();
      else if (tail.unfinishedBytes > 0 && clock.now() - each.quietSinceMs >= flushAfterMs) {
        await tail.flush(async (bytes) => {
          const profiles = parseQuietly(bytes);
          if (profiles) await take(bytes, path);
          return profiles !== undefined;
        });
      }
    } catch (error) {
      conditions.file.raise(() => log.warn("A file can't be read", { file: path, error: (error as Error).message }));
    }
  }

  async function take(line: Buffer, path: string): Promise<void> {
    try {
      for (let waitMs = firstRetryMs; !stopped; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
        const profiles = parse(line);
        if (profiles.resources.length === 0) return;
        const error = await next.consume(profiles, background).then(
          () => undefined,
          (caught) => toPipelineError(caught),
        );
        if (error === undefined || error.kind === "partial") return;
        if (error.kind !== "retryable") throw error;
        await pause(Math.max(waitMs, error.retryAfterMs ?? 0));
      }
    } catch (caught) {
      const error = toPipelineError(caught);
      refused(error.reason === "invalid" ? "invalid" : "refused", path, error.message);
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const waiting = clock.setTimer(done, ms);
      wake = () => {
        clock.clearTimer(waiting);
        done();
      };
      if (stopped) wake();
    });
  }

  function run(): void {
    polling = poll().then(() => {
      if (!stopped) timer = clock.setTimer(run, config.poll_interval);
    });
  }

  return {
    async start() {
      run();
    },
    async shutdown() {
      stopped = true;
      clock.clearTimer(timer);
      wake();
      await polling;
      for (const { tail } of followed.values()) await tail.close();
      followed.clear();
    },
  };
}

function parse(line: Buffer): Profiles {
  try {
    return Profiles.parse(jsonToProto(line));
  } catch (error) {
    throw invalidLine(error);
  }
}

function invalidLine(error: unknown): PipelineError {
  const reason = error instanceof InvalidProfilesError ? "" : "no OTLP JSON: ";
  return badInput(`${reason}${(error as Error).message}`, { cause: error });
}

function parseQuietly(line: Buffer): Profiles | undefined {
  try {
    return parse(line);
  } catch {
    return undefined;
  }
}
