import type { Settings } from "../../src/component/factory.js";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import { createConditionLog } from "../../src/delivery/condition-log.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { CodePlaces } from "./code-places.js";
import type { EbpfReceiverConfig } from "./config.js";
import type { EbpfMetrics } from "./ebpf-metrics.js";
import { isWanted } from "./filter.js";
import type { HandOver } from "./hand-over.js";
import { IntervalBatch, type ProcessSamples } from "./interval-batch.js";
import type { ProcessTable } from "./processes.js";
import type { StreamFault } from "./stream-parser.js";

/** Names and stacks that an interval may gather. */
const maxBatchBytes = 64 * 1024 * 1024;

/** Gathers what parsers read, and hands a batch on when an interval is over. */
export interface Intake {
  /** Where samples of a process go; undefined where it is not wanted, and `count` of its samples is counted so. */
  process(pid: number, comm: string, count: number): ProcessSamples | undefined;
  fault(fault: StreamFault, detail: string): void;
  lostEvents(count: number): void;
  /** Who reads a stream awaits this before it reads on: it resolves when the pipeline has taken what there is too much of. */
  ready(): Promise<void>;
  /** Ends the interval now; resolves when the pipeline has answered. */
  flush(): Promise<void>;
  /** What is gathered from now on is of an interval that begins now. */
  beginInterval(): void;
  /** Ends an interval whenever its time is over; without it `flush` alone does. */
  start(): void;
  /** Hands on what there is. */
  stop(): Promise<void>;
}

export interface IntakeParts {
  readonly settings: Settings;
  readonly config: Pick<EbpfReceiverConfig, "interval" | "sample_rate" | "include" | "exclude" | "max_stacks">;
  readonly table: ProcessTable;
  readonly places: CodePlaces;
  readonly metrics: EbpfMetrics;
  readonly handOver: HandOver;
  readonly clock: Clock;
}

export function createIntake({ settings, config, table, places, metrics, handOver, clock }: IntakeParts): Intake {
  const { log, build } = settings;
  const options = {
    scopeName: `${build.name}/receivers/ebpf`,
    scopeVersion: build.version,
    sampleRateHz: config.sample_rate,
  };
  const faults = createConditionLog(clock);
  /** By process id, or by name where there is none; null where the process is not wanted. */
  const processes = new Map<number | string, ProcessSamples | null>();
  let batch = new IntervalBatch(options);
  let startedMs = clock.wallMs();
  let timer: Timer;
  let flushing: Promise<void> | undefined;
  let stopped = false;
  /** Counted once an interval: a counter takes longer than a frame. */
  let tally = { unmapped: 0, unknown: 0, filtered: 0 };

  function begin(pid: number, comm: string): ProcessSamples | null {
    const found = pid > 0 ? table.find(pid) : undefined;
    const host = typeof found === "string" ? undefined : found;
    if (typeof found === "string") metrics.unknownProcess(found);
    const subject = host ?? { pid, path: "", name: comm, cgroups: [], containerId: "" };
    if (!isWanted(subject, config.include, config.exclude)) return null;
    return batch.process({ pid, comm, host }, (address, file) => {
      const place = host && (file === "" ? places.at(host, address) : places.inFile(host, file, address));
      if (!place && host) tally.unmapped++;
      else if (!place) tally.unknown++;
      return place;
    });
  }

  function isFull(): boolean {
    return (
      processes.size >= config.max_stacks || batch.stackCount >= config.max_stacks || batch.byteSize >= maxBatchBytes
    );
  }

  async function handOn(): Promise<void> {
    book();
    const over = batch;
    const nowMs = clock.wallMs();
    const begunMs = startedMs;
    startedMs = nowMs;
    batch = new IntervalBatch(options);
    processes.clear();
    table.beginInterval();
    places.beginInterval();
    if (faults.clear()) log.info("Streams can be read again");
    const profiles = finished(over, begunMs, nowMs);
    if (!profiles || profiles.sampleCount === 0) return;
    metrics.samples((await handOver.give(profiles)) ? "taken" : "refused", over.sampleCount);
  }

  function book(): void {
    metrics.samples("filtered", tally.filtered);
    metrics.bareFrames("unmapped", tally.unmapped);
    metrics.bareFrames("unknown_process", tally.unknown);
    tally = { unmapped: 0, unknown: 0, filtered: 0 };
  }

  /** undefined where the counts add up past 64 bits, which only a stream that lies can do. */
  function finished(over: IntervalBatch, fromMs: number, toMs: number): Profiles | undefined {
    try {
      return over.finish(fromMs, Math.max(0, toMs - fromMs));
    } catch (caught) {
      if (!(caught instanceof InvalidProfilesError)) throw caught;
      fault("invalid", caught.message);
      metrics.samples("refused", over.sampleCount);
      return undefined;
    }
  }

  function fault(why: StreamFault, detail: string): void {
    metrics.fault(why);
    faults.raise((repeats) => log.warn("A part of an agent's stream can't be used", { fault: why, detail, repeats }));
  }

  /** One at a time: while the pipeline thinks about a batch, the next one is gathered, and no third. */
  async function flush(): Promise<void> {
    while (flushing) await flushing;
    flushing = handOn().finally(() => {
      flushing = undefined;
    });
    await flushing;
  }

  function tick(): void {
    timer = clock.setTimer(() => {
      void flush().then(() => {
        if (!stopped) tick();
      });
    }, config.interval);
  }

  return {
    process(pid, comm, count) {
      const key = pid > 0 ? pid : comm;
      let samples = processes.get(key);
      if (samples === undefined) {
        samples = begin(pid, comm);
        processes.set(key, samples);
      }
      if (samples === null) tally.filtered += count;
      return samples ?? undefined;
    },
    fault,
    lostEvents(count) {
      metrics.samples("lost", count);
      faults.raise((repeats) => log.warn("An agent lost samples", { count, repeats }));
    },
    async ready() {
      while (isFull()) await flush();
    },
    flush,
    beginInterval() {
      startedMs = clock.wallMs();
    },
    start: tick,
    async stop() {
      stopped = true;
      clock.clearTimer(timer);
      await flush();
    },
  };
}
