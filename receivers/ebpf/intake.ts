import type { Settings } from "../../src/component/factory.js";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import { createConditionLog } from "../../src/delivery/condition-log.js";
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
  start(): void;
  /** Hands on what there is. */
  stop(): Promise<void>;
}

export interface IntakeParts {
  readonly settings: Settings;
  readonly config: Pick<EbpfReceiverConfig, "interval" | "sample_rate" | "include" | "exclude" | "max_stacks">;
  readonly table: ProcessTable;
  readonly metrics: EbpfMetrics;
  readonly handOver: HandOver;
  readonly clock: Clock;
}

export function createIntake({ settings, config, table, metrics, handOver, clock }: IntakeParts): Intake {
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

  function begin(pid: number, comm: string): ProcessSamples | null {
    const found = pid > 0 ? table.find(pid) : undefined;
    const host = typeof found === "string" ? undefined : found;
    if (typeof found === "string") metrics.unknownProcess(found);
    const subject = host ?? { pid, path: "", name: comm, cgroups: [], containerId: "" };
    if (!isWanted(subject, config.include, config.exclude)) return null;
    return batch.process({ pid, comm, host });
  }

  function isFull(): boolean {
    return (
      processes.size >= config.max_stacks || batch.stackCount >= config.max_stacks || batch.byteSize >= maxBatchBytes
    );
  }

  async function handOn(): Promise<void> {
    const { sampleCount } = batch;
    const nowMs = clock.wallMs();
    const profiles = batch.finish(startedMs, Math.max(0, nowMs - startedMs));
    startedMs = nowMs;
    batch = new IntervalBatch(options);
    processes.clear();
    table.beginInterval();
    if (faults.clear()) log.info("Streams can be read again");
    if (profiles.sampleCount === 0) return;
    metrics.samples((await handOver.give(profiles)) ? "taken" : "refused", sampleCount);
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
      if (samples === null) metrics.samples("filtered", count);
      return samples ?? undefined;
    },
    fault(fault, detail) {
      metrics.fault(fault);
      faults.raise((repeats) => log.warn("A part of an agent's stream can't be used", { fault, detail, repeats }));
    },
    lostEvents(count) {
      metrics.samples("lost", count);
      faults.raise((repeats) => log.warn("An agent lost samples", { count, repeats }));
    },
    async ready() {
      while (isFull()) await flush();
    },
    flush,
    start: tick,
    async stop() {
      stopped = true;
      clock.clearTimer(timer);
      await flush();
    },
  };
}
