import type { Exporter, Settings } from "../../src/component/factory.js";
import { type Clock, systemClock, type Timer } from "../../src/delivery/clock.js";
import { createExporter } from "../../src/delivery/exporter.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { DebugConfig } from "./config.js";
import { detailedLines } from "./detailed-text.js";
import { createHotFunctions } from "./hot-functions.js";
import { renderReport } from "./table.js";
import { createTextOutput, openTextStream, type TextOutput, type TextStream } from "./text-output.js";

export interface DebugOptions {
  readonly clock?: Clock;
  readonly openStream?: (path: string) => Promise<TextStream>;
}

/** One way of printing. */
interface Printer {
  print(profiles: Profiles): void;
  start(): void;
  /** Prints what has gathered. */
  stop(): void;
}

export function createDebugExporter(settings: Settings, config: DebugConfig, options: DebugOptions = {}): Exporter {
  const clock = options.clock ?? systemClock;
  let printer: Printer | undefined;
  let output: TextOutput | undefined;
  return createExporter({
    settings,
    timeoutMs: 0,
    retry: noRetry,
    queue: config.sending_queue,
    freshness: false,
    clock,
    async start() {
      const streams = await Promise.all(pathsOf(config).map(options.openStream ?? openTextStream));
      output = createTextOutput(streams, settings.log);
      printer = createPrinter(settings, config, clock, output);
      printer.start();
    },
    async send(profiles) {
      printer?.print(profiles);
    },
    async shutdown() {
      printer?.stop();
      printer = undefined;
      await output?.close();
    },
  });
}

const noRetry = {
  enabled: false,
  initial_interval: 0,
  randomization_factor: 0,
  multiplier: 1,
  max_interval: 0,
  max_elapsed_time: 0,
};

function pathsOf(config: DebugConfig): readonly string[] {
  if (!config.use_internal_logger) return config.output_paths ?? ["stdout"];
  return config.verbosity === "basic" ? [] : ["stdout"];
}

function createPrinter(settings: Settings, config: DebugConfig, clock: Clock, output: TextOutput): Printer {
  if (config.verbosity === "normal") return createTablePrinter(config.interval, clock, output);
  if (config.verbosity === "detailed") {
    return plainPrinter((profiles) => output.write(lines(detailedLines(profiles))));
  }
  if (!config.use_internal_logger) {
    return plainPrinter((profiles) => {
      const fields = JSON.stringify(countsOf(profiles));
      output.write([`${new Date(clock.wallMs()).toISOString()}\tinfo\tProfiles\t${fields}\n`]);
    });
  }
  const mayLog = createSecondSampler(config, clock);
  return plainPrinter((profiles) => {
    if (mayLog()) settings.log.info("Profiles", countsOf(profiles));
  });
}

function plainPrinter(print: (profiles: Profiles) => void): Printer {
  return { print, start() {}, stop() {} };
}

function createTablePrinter(intervalMs: number, clock: Clock, output: TextOutput): Printer {
  const hot = createHotFunctions();
  let timer: Timer;
  let since = clock.now();

  function flush(): void {
    const now = clock.now();
    const text = renderReport(hot.take(), new Date(clock.wallMs()), Math.round(now - since));
    since = now;
    if (text !== "") output.write([text]);
  }

  function tick(): void {
    flush();
    timer = clock.setTimer(tick, intervalMs);
  }

  return {
    print: (profiles) => hot.add(profiles),
    start() {
      since = clock.now();
      timer = clock.setTimer(tick, intervalMs);
    },
    stop() {
      clock.clearTimer(timer);
      flush();
    },
  };
}

function countsOf(profiles: Profiles): Record<string, number> {
  return { "resource profiles": profiles.resources.length, "sample records": profiles.sampleCount };
}

/** zap's sampler: in each second the first `sampling_initial` pass, then every `sampling_thereafter`-th. */
function createSecondSampler(config: DebugConfig, clock: Clock): () => boolean {
  let second = Number.NaN;
  let count = 0;
  return () => {
    const now = Math.floor(clock.now() / 1000);
    if (now !== second) {
      second = now;
      count = 0;
    }
    count += 1;
    if (count <= config.sampling_initial) return true;
    return config.sampling_thereafter > 0 && (count - config.sampling_initial) % config.sampling_thereafter === 0;
  };
}

/** Lines joined to pieces of a size that is worth a write. */
function* lines(source: Iterable<string>): Generator<string> {
  let piece = "";
  for (const line of source) {
    piece += `${line}\n`;
    if (piece.length < 64 * 1024) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}
