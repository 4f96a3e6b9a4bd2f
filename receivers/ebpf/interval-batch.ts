import { CountedStacks } from "../../src/codec/counted-stacks.js";
import { countType, cpuType } from "../../src/codec/stack-options.js";
import { intValue, type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import type { Profiles, ValueType } from "../../src/pdata/profiles.js";
import { type Locate, ProcessLocations, SharedLocations } from "./process-locations.js";
import type { HostProcess } from "./processes.js";

/** What is counted where a stream says more than "on the CPU". */
export interface SampledEvent {
  readonly name: string;
  readonly periodType: ValueType;
  /** Of the sample at hand; 0n where it isn't known. The profile has the commonest. */
  readonly period: bigint;
}

/** The samples of one process in an interval. */
export interface ProcessSamples {
  readonly locations: ProcessLocations;
  /**
   * Adds samples of one thread: location indices, leaf first, the first `depth` of `stack`, which the caller may use again
   * afterwards; `event` is absent for the timer that `sample_rate` is about.
   */
  add(stack: readonly number[], depth: number, thread: Thread, count: number, event?: SampledEvent): void;
}

export interface Thread {
  readonly comm: string;
  readonly tid: number;
  readonly cpu: number;
  /** Equal in threads that are equal in all of that. */
  readonly key: string;
}

/** `tid` and `cpu` are -1 where the stream doesn't say. */
export function threadOf(comm: string, tid: number, cpu: number): Thread {
  return { comm, tid, cpu, key: `${tid} ${cpu} ${comm}` };
}

export interface BatchOptions {
  readonly scopeName: string;
  readonly scopeVersion: string;
  readonly sampleRateHz: number;
}

/** Whose samples a resource holds. `host` is absent where /proc has nothing of it. */
export interface Subject {
  /** 0 where the stream doesn't say. */
  readonly pid: number;
  readonly comm: string;
  readonly host: HostProcess | undefined;
}

interface EventSamples {
  readonly event: SampledEvent | undefined;
  readonly counts: CountedStacks;
  /** Numbers of the threads' attributes in `counts`, by the threads' keys. */
  readonly lists: Map<string, number>;
  /** Samples by period. */
  readonly periods: Map<bigint, number>;
}

/** Periods of one event that are told apart; perf's vary where it keeps a frequency. */
const maxPeriods = 64;

const nanosPerSecond = 1_000_000_000;

/** The samples of an interval on their way to a batch: a resource for each process. */
export class IntervalBatch {
  /** Samples as agents count them. */
  sampleCount = 0;
  private readonly builder = new ProfilesBuilder();
  private readonly shared = new SharedLocations(this.builder);
  private readonly threadNames = new Map<string, number>();
  private readonly options: BatchOptions;
  private readonly processes: ProcessOfBatch[] = [];

  constructor(options: BatchOptions) {
    this.options = options;
  }

  /** Different stacks so far, those of different threads counted apart. */
  get stackCount(): number {
    let count = 0;
    for (const each of this.processes) count += each.stackCount;
    return count;
  }

  /** Bytes of names and stacks so far. */
  get byteSize(): number {
    return this.builder.dictionaryBytes;
  }

  /** `locate` finds what the addresses of the process mean. */
  process(subject: Subject, locate: Locate): ProcessSamples {
    const locations = new ProcessLocations(this.shared, locate);
    const samples = new ProcessOfBatch(subject, this.builder, locations, this.threadNames, (count) => {
      this.sampleCount += count;
    });
    this.processes.push(samples);
    return samples;
  }

  /** The batch; this object ends with it. */
  finish(startMs: number, durationMs: number): Profiles {
    const { scopeName, scopeVersion, sampleRateHz } = this.options;
    const timeUnixNano = BigInt(Math.round(startMs * 1000)) * 1000n;
    const durationNano = BigInt(Math.round(durationMs * 1e6));
    const timer = { periodType: cpuType, period: BigInt(Math.round(nanosPerSecond / sampleRateHz)) };
    for (const process of this.processes) {
      if (process.stackCount === 0) continue;
      const scope = this.builder.resource(resourceAttributes(process.subject)).scope(scopeName, scopeVersion);
      for (const { event, counts, periods } of process.events.values()) {
        const { periodType, period } = event ? { ...event, period: commonest(periods) } : timer;
        const attributes = event ? [keyValue("perf.event.name", stringValue(event.name))] : [];
        counts.write(
          scope.profile({ sampleType: countType, periodType, period, timeUnixNano, durationNano, attributes }),
        );
      }
    }
    return this.builder.finish();
  }
}

class ProcessOfBatch implements ProcessSamples {
  readonly subject: Subject;
  readonly locations: ProcessLocations;
  readonly events = new Map<string, EventSamples>();
  private readonly builder: ProfilesBuilder;
  private readonly counted: (count: number) => void;
  /** Attributes that the batch has of names of threads: few names for many threads. */
  private readonly threadNames: Map<string, number>;

  constructor(
    subject: Subject,
    builder: ProfilesBuilder,
    locations: ProcessLocations,
    threadNames: Map<string, number>,
    counted: (count: number) => void,
  ) {
    this.subject = subject;
    this.builder = builder;
    this.locations = locations;
    this.threadNames = threadNames;
    this.counted = counted;
  }

  get stackCount(): number {
    let count = 0;
    for (const { counts } of this.events.values()) count += counts.size;
    return count;
  }

  add(stack: readonly number[], depth: number, thread: Thread, count: number, event?: SampledEvent): void {
    const key = event?.name ?? "";
    let samples = this.events.get(key);
    if (!samples) {
      samples = { event, counts: new CountedStacks("samples"), lists: new Map(), periods: new Map() };
      this.events.set(key, samples);
    }
    if (event) notePeriod(samples.periods, event.period);
    let list = samples.lists.get(thread.key);
    if (list === undefined) {
      list = samples.counts.list(this.threadAttributes(thread));
      samples.lists.set(thread.key, list);
    }
    samples.counts.addListed(this.builder.stack(stack, depth), list, [count]);
    this.counted(count);
  }

  private threadAttributes({ comm, tid, cpu }: Thread): number[] {
    const list: number[] = [];
    if (comm !== "") list.push(this.threadName(comm));
    if (tid >= 0) list.push(this.builder.attribute(keyValue("thread.id", intValue(BigInt(tid)))));
    if (cpu >= 0) list.push(this.builder.attribute(keyValue("cpu.logical_number", intValue(BigInt(cpu)))));
    return list;
  }

  private threadName(comm: string): number {
    let name = this.threadNames.get(comm);
    if (name === undefined) {
      name = this.builder.attribute(keyValue("thread.name", stringValue(comm)));
      this.threadNames.set(comm, name);
    }
    return name;
  }
}

function notePeriod(periods: Map<bigint, number>, period: bigint): void {
  const known = periods.get(period);
  if (known !== undefined || periods.size < maxPeriods) periods.set(period, (known ?? 0) + 1);
}

function commonest(periods: ReadonlyMap<bigint, number>): bigint {
  let best = 0n;
  for (const [period, count] of periods) if (count > (periods.get(best) ?? 0)) best = period;
  return best;
}

/** As the eBPF profiler names them; of a process that /proc doesn't know, its thread's name has to do. */
function resourceAttributes({ pid, comm, host }: Subject): KeyValue[] {
  const text = (key: string, value: string) => (value === "" ? [] : [keyValue(key, stringValue(value))]);
  return [
    ...(pid > 0 ? [keyValue("process.pid", intValue(BigInt(pid)))] : []),
    ...text("process.executable.path", host?.path ?? ""),
    ...text("process.executable.name", host?.name ?? comm),
    ...text("container.id", host?.containerId ?? ""),
    ...text("process.creation.time", host?.startTimeMs === undefined ? "" : new Date(host.startTimeMs).toISOString()),
    ...text("process.command_line", host?.commandLine ?? ""),
  ];
}
