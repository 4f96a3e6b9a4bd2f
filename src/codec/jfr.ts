import { keyValue, stringValue } from "../pdata/any-value.js";
import type { DictionaryBuilder, ScopeBuilder } from "../pdata/builder.js";
import type { ValueType } from "../pdata/profiles.js";
import { captureAttributes } from "./capture.js";
import { CountedStacks } from "./counted-stacks.js";
import { gunzip, isGzip } from "./gunzip.js";
import { invalid, looksLike, TooLargeError } from "./invalid.js";
import { JfrChunk, type JfrEvent, type JfrValue } from "./jfr-chunk.js";
import { type JfrKind, type JfrKindKey, jfrKinds } from "./jfr-kinds.js";
import { type JfrLabels, noJfrLabels } from "./jfr-labels.js";
import { JfrStacks } from "./jfr-stacks.js";
import { defaultMaxBytes, newCaptureId } from "./pprof-decode.js";
import { nameAttribute } from "./profile-kinds.js";
import type { StackOptions, StackSummary } from "./stack-options.js";

export interface JfrOptions extends StackOptions {
  /** Time that a sample of cpu or wall stands for; default as the recording's settings say, else 10 ms. */
  readonly periodNano?: bigint;
  /** The labels that came beside the recording. */
  readonly labels?: JfrLabels;
}

const settings: ReadonlySet<string> = new Set(["jdk.ActiveSetting"]);
const samples: ReadonlySet<string> = new Set([
  "jdk.ExecutionSample",
  "profiler.WallClockSample",
  "jdk.ObjectAllocationInNewTLAB",
  "jdk.ObjectAllocationOutsideTLAB",
  "jdk.ObjectAllocationSample",
  "profiler.LiveObject",
  "profiler.Malloc",
  "jdk.JavaMonitorEnter",
  "jdk.ThreadPark",
]);

/** A recording that has been read: all of it was good, and nothing of it is in a scope yet. */
export interface JfrRecording {
  /** What the agent was told to sample: cpu, itimer, wall, alloc …; "" where the recording doesn't say. */
  readonly event: string;
  /** Adds its profiles to a scope of the builder that it was read with. Once. */
  addTo(scope: ScopeBuilder): StackSummary;
}

/**
 * Reads a JFR recording, gzip or plain: the CPU, wall, allocation and lock events in it, typed and named as Pyroscope
 * stores them. Other events are read over. Throws InvalidProfilesError; the builder ends with that.
 */
export function readJfr(builder: DictionaryBuilder, bytes: Buffer, options: JfrOptions = {}): JfrRecording {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  const plain = isGzip(bytes) ? gunzip("jfr", bytes, maxBytes) : bytes;
  if (plain.length > maxBytes) throw new TooLargeError(`jfr: larger than ${maxBytes} bytes`);
  if (plain.length < 4 || plain.readUInt32BE(0) !== 0x464c5200) throw invalid("jfr", `no recording${looksLike(plain)}`);
  const recording = new Recording(builder, options);
  for (let at = 0; at < plain.length; ) {
    const chunk = new JfrChunk(plain, at);
    recording.add(chunk);
    at = chunk.end;
  }
  return recording;
}

class Recording implements JfrRecording {
  event = "";
  private readonly builder: DictionaryBuilder;
  private readonly options: JfrOptions;
  private readonly labels: JfrLabels;
  private readonly counts = new Map<JfrKindKey, CountedStacks>();
  private readonly contexts = new Map<string, readonly number[]>();
  private startNano = 0n;
  private endNano = 0n;
  private periodNano = 10_000_000n;
  private eventCount = 0;

  constructor(builder: DictionaryBuilder, options: JfrOptions) {
    this.builder = builder;
    this.options = options;
    this.labels = options.labels ?? noJfrLabels;
  }

  add(chunk: JfrChunk): void {
    if (this.startNano === 0n || chunk.startNano < this.startNano) this.startNano = chunk.startNano;
    const end = chunk.startNano + chunk.durationNano;
    if (end > this.endNano) this.endNano = end;
    chunk.events(settings, (event) => this.setting(chunk, event));
    const stacks = new JfrStacks(chunk, this.builder);
    chunk.events(samples, (event) => this.sample(chunk, stacks, event));
  }

  private setting(chunk: JfrChunk, event: JfrEvent): void {
    const name = chunk.text(field(event, "name"));
    const value = chunk.text(field(event, "value"));
    if (name === "event") this.event = value;
    // "0" stands for the default.
    if (name === "interval" && /^[1-9]\d{0,15}$/.test(value)) this.periodNano = BigInt(value);
  }

  private sample(chunk: JfrChunk, stacks: JfrStacks, event: JfrEvent): void {
    const stack = stacks.stack(field(event, "stackTrace"));
    this.eventCount++;
    if (event.type.name === "jdk.ExecutionSample") {
      if (threadState(chunk, event) !== "STATE_SLEEPING") this.count("cpu", stack, event, [1]);
      if (this.event === "wall") this.count("wall", stack, event, [1]);
      return;
    }
    const { kind, values } = measured(chunk, event);
    if (kind === "wall" && this.event === "wall" && threadState(chunk, event) === "STATE_RUNNABLE") {
      this.count("cpu", stack, event, [...values]);
    }
    this.count(kind, stack, event, values);
  }

  private count(kind: JfrKindKey, stack: number, event: JfrEvent, values: (number | bigint)[]): void {
    let counts = this.counts.get(kind);
    if (!counts) {
      counts = new CountedStacks("jfr");
      this.counts.set(kind, counts);
    }
    counts.addLinked(stack, this.attributes(event), this.link(event), values);
  }

  /** attribute_table indices of the labels that stood when the event happened, and of ids that make no link. */
  private attributes(event: JfrEvent): readonly number[] {
    const context = BigInt(number(event, "contextId"));
    const spanName = BigInt(number(event, "spanName"));
    const isLinked = this.link(event) !== 0;
    const span = isLinked ? 0 : number(event, "spanId");
    const trace = isLinked ? "" : traceId(event);
    if (context === 0n && spanName === 0n && span === 0 && trace === "") return [];
    const key = `${context} ${spanName} ${span} ${trace}`;
    let known = this.contexts.get(key);
    if (!known) {
      const labels = [...(this.labels.contexts.get(context) ?? [])];
      const name = this.labels.strings.get(spanName);
      if (name) labels.push(["span_name", name]);
      if (span !== 0) labels.push(["span_id", hex(span)]);
      if (trace !== "") labels.push(["trace_id", trace]);
      const { builder } = this;
      known = labels.map(([label, value]) => builder.attribute(keyValue(label, stringValue(value))));
      this.contexts.set(key, known);
    }
    return known;
  }

  /** The span that ran, where the agent knew its trace too. */
  private link(event: JfrEvent): number {
    const span = number(event, "spanId");
    const trace = traceId(event);
    if (span === 0 || trace === "") return 0;
    return this.builder.link(Buffer.from(trace, "hex"), Buffer.from(hex(span), "hex"));
  }

  addTo(scope: ScopeBuilder): StackSummary {
    const { attributes = [], timeUnixNano = this.startNano } = this.options;
    const durationNano = this.options.durationNano ?? this.endNano - this.startNano;
    const periodNano = this.options.periodNano ?? this.periodNano;
    const sampleTypes: ValueType[] = [];
    for (const [key, counts] of this.counts) {
      const kind: JfrKind = jfrKinds[key];
      const isTime = key === "cpu" || key === "wall";
      const common = { timeUnixNano, durationNano, periodType: kind.periodType, period: isTime ? periodNano : 0n };
      const own = captureAttributes(newCaptureId(), kind.sampleTypes);
      const all = [...attributes, keyValue(nameAttribute, stringValue(kind.name)), ...own];
      const profiles = kind.sampleTypes.map((sampleType) => scope.profile({ ...common, sampleType, attributes: all }));
      if (isTime) counts.scale = periodNano;
      counts.write(...profiles);
      sampleTypes.push(...kind.sampleTypes);
    }
    return { sampleTypes, eventCount: this.eventCount };
  }
}

/** What an event other than an execution sample counts. */
function measured(chunk: JfrChunk, event: JfrEvent): { kind: JfrKindKey; values: (number | bigint)[] } {
  switch (event.type.name) {
    case "profiler.WallClockSample":
      return { kind: "wall", values: [number(event, "samples") || 1] };
    case "jdk.ObjectAllocationInNewTLAB":
      return { kind: "inTlab", values: [1, number(event, "tlabSize")] };
    case "jdk.ObjectAllocationOutsideTLAB":
      return { kind: "outsideTlab", values: [1, number(event, "allocationSize")] };
    case "jdk.ObjectAllocationSample":
      return { kind: "allocSample", values: [1, number(event, "weight")] };
    case "profiler.Malloc":
      return { kind: "malloc", values: [1, number(event, "size")] };
    case "profiler.LiveObject":
      return { kind: "live", values: [1] };
    default: {
      const delay = (BigInt(number(event, "duration")) * 1_000_000_000n) / chunk.ticksPerSecond;
      return { kind: event.type.name === "jdk.ThreadPark" ? "park" : "monitor", values: [1, delay] };
    }
  }
}

function field({ type: { fields }, values }: JfrEvent, name: string): JfrValue {
  for (let i = 0; i < fields.length; i++) if (fields[i].name === name) return values[i];
  return undefined;
}

/** A number, 0 where the field is missing. */
function number(event: JfrEvent, name: string): number | bigint {
  const value = field(event, name);
  return typeof value === "number" || typeof value === "bigint" ? value : 0;
}

/** 32 hex digits; "" where the event has none. */
function traceId(event: JfrEvent): string {
  const high = number(event, "traceIdHi");
  const low = number(event, "traceIdLo");
  return high === 0 && low === 0 ? "" : hex(high) + hex(low);
}

function threadState(chunk: JfrChunk, event: JfrEvent): string {
  const state = chunk.constant("jdk.types.ThreadState", field(event, "state"));
  return Array.isArray(state) ? chunk.text(state[0]) : "";
}

function hex(value: number | bigint): string {
  return BigInt.asUintN(64, BigInt(value)).toString(16).padStart(16, "0");
}
