import { background, type Context, withContext } from "../../src/component/context.js";
import type { Settings } from "../../src/component/factory.js";
import type { Join } from "../../src/delivery/batcher-options.js";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { Fields, Logger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";

/** Lets everything that is ready run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface FakeTimer {
  readonly atMs: number;
  readonly callback: () => void;
}

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #nowMs = 1000;
  readonly #timers = new Set<FakeTimer>();

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: FakeTimer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimer(timer: Timer): void {
    this.#timers.delete(timer as FakeTimer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Moves on, firing what is due in its order. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let timer = this.#due(endMs); timer; timer = this.#due(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      this.#timers.delete(timer);
      timer.callback();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  #due(endMs: number): FakeTimer | undefined {
    let first: FakeTimer | undefined;
    for (const timer of this.#timers) if (timer.atMs <= endMs && (!first || timer.atMs < first.atMs)) first = timer;
    return first;
  }
}

export interface FakeProfiles {
  readonly names: readonly string[];
  readonly sampleCount: number;
  readonly byteSize: number;
  readonly newestTimeUnixNano: bigint;
  copies: number;
}

/** Profiles as far as delivery looks at them: names say what became of each. */
export function fakeProfiles(names: string | string[], samples = 1, bytes = 100 * samples): Profiles {
  const list = Array.isArray(names) ? names : [names];
  const fake = {
    names: list,
    sampleCount: samples,
    byteSize: bytes,
    newestTimeUnixNano: 0n,
    copies: 0,
    open() {},
    copy() {
      fake.copies++;
      return fakeProfiles(
        list.map((name) => `${name}'`),
        samples,
        bytes,
      );
    },
  };
  return fake as unknown as Profiles;
}

export function namesOf(profiles: Profiles): string {
  return (profiles as unknown as FakeProfiles).names.join("+");
}

/** Joins and cuts fake profiles; a piece is named after its source. */
export const fakeJoin: Join = {
  merge(batches) {
    const names = batches.flatMap((batch) => (batch as unknown as FakeProfiles).names);
    const sum = (read: (p: Profiles) => number) => batches.reduce((total, batch) => total + read(batch), 0);
    return fakeProfiles(
      [...names],
      sum((p) => p.sampleCount),
      sum((p) => p.byteSize),
    );
  },
  split(batch, { maxSamples, maxBytes }) {
    const perSample = batch.byteSize / batch.sampleCount;
    const bySamples = maxSamples || Number.POSITIVE_INFINITY;
    const byBytes = maxBytes ? Math.max(1, Math.floor(maxBytes / perSample)) : Number.POSITIVE_INFINITY;
    const step = Math.min(bySamples, byBytes);
    const pieces: Profiles[] = [];
    for (let at = 0; at < batch.sampleCount; at += step) {
      const samples = Math.min(step, batch.sampleCount - at);
      pieces.push(fakeProfiles(`${namesOf(batch)}#${pieces.length}`, samples, samples * perSample));
    }
    return pieces;
  },
};

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Fields;
}

export function recordingLog(lines: LogLine[]): Logger {
  const at =
    (level: string) =>
    (message: string, fields: Fields = {}) => {
      lines.push({ level, message, fields });
    };
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), with: () => log };
  return log;
}

export interface TestSettings extends Settings {
  readonly lines: LogLine[];
  /** The value of a metric by its exposed name and labels, e.g. `x{exporter="e"}`; undefined if it isn't there. */
  value(sample: string): Promise<number | undefined>;
  /** The sum over all label sets of a metric. */
  total(name: string): Promise<number>;
}

export function testSettings(id: string, kind: Settings["kind"] = "exporter", metrics = createMetrics()): TestSettings {
  const lines: LogLine[] = [];
  const samples = async () =>
    (await metrics.text())
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))] as const);
  return {
    id,
    kind,
    log: recordingLog(lines),
    metrics,
    build: { name: "flamepipe", version: "0.0.0" },
    lines,
    value: async (sample) => (await samples()).find(([name]) => name === sample)?.[1],
    total: async (metric) =>
      (await samples())
        .filter(([name]) => name === metric || name.startsWith(`${metric}{`))
        .reduce((sum, [, value]) => sum + value, 0),
  };
}

/** A promise that a test settles by hand. */
export interface Gate {
  readonly promise: Promise<void>;
  open(): void;
  fail(error: Error): void;
}

export function gate(): Gate {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  promise.catch(() => {});
  return { promise, open, fail };
}

export function withDeadline(deadlineMs: number, signal?: AbortSignal): Context {
  return withContext(background, { deadlineMs, signal });
}

export function withMetadata(metadata: Record<string, string[]>): Context {
  return withContext(background, { metadata: new Map(Object.entries(metadata)) });
}
