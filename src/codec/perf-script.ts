import { intValue, type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { DictionaryBuilder, LineFields, ScopeBuilder } from "../pdata/builder.js";
import { CountedStacks } from "./counted-stacks.js";
import { invalid, looksLike, TooLargeError } from "./invalid.js";
import {
  isClock,
  isKernel,
  isPerfRecord,
  isSourceLine,
  type PerfFrame,
  parsePerfFrame,
  parsePerfHeader,
} from "./perf-text.js";
import { countType, cpuType, plainText, type StackOptions, type StackSummary } from "./stack-options.js";

const format = "perf script";
/** Lines that are longer are no frames and no headers. */
const maxLine = 64 * 1024;
const maxEvents = 256;

interface PerfEvent {
  readonly name: string;
  readonly counts: CountedStacks;
  /** Sum of the periods by value: the commonest is the profile's. */
  readonly periods: Map<string, number>;
}

interface Sample {
  readonly event: PerfEvent;
  readonly attributes: readonly number[];
  readonly period: string;
  readonly locations: number[];
}

/** Adds the text of `perf script` to a batch being built, a profile per event. Throws InvalidProfilesError naming the line. */
export function addPerfScript(scope: ScopeBuilder, bytes: Buffer, options: StackOptions = {}): StackSummary {
  const text = plainText(format, bytes, options.maxBytes);
  const reader = new PerfReader(scope.builder);
  reader.read(text);
  if (reader.eventCount === 0) throw invalid(format, `no events${looksLike(text)}`);
  const { attributes = [], timeUnixNano, durationNano = reader.durationNano } = options;
  for (const { name, counts, periods } of reader.events.values()) {
    const periodType = isClock(name) ? cpuType : { type: name, unit: "count" };
    const fields = { sampleType: countType, periodType, period: commonest(periods), timeUnixNano, durationNano };
    counts.write(scope.profile({ ...fields, attributes: [...attributes, eventAttribute(name)] }));
  }
  return { sampleTypes: [countType], eventCount: reader.eventCount };
}

function eventAttribute(name: string): KeyValue {
  return keyValue("perf.event.name", stringValue(name));
}

function commonest(periods: ReadonlyMap<string, number>): bigint {
  let best = "0";
  for (const [period, count] of periods) if (count > (periods.get(best) ?? 0)) best = period;
  return BigInt(best);
}

class PerfReader {
  readonly events = new Map<string, PerfEvent>();
  eventCount = 0;
  private readonly builder: DictionaryBuilder;
  private sample: Sample | undefined;
  /** Functions inlined into the frame that comes next, innermost first. */
  private inlined: LineFields[] = [];
  private readonly frames = new Map<string, number>();
  private readonly modules = new Map<string, number>();
  private readonly threads = new Map<string, readonly number[]>();
  private firstNano = -1n;
  private lastNano = -1n;

  constructor(builder: DictionaryBuilder) {
    this.builder = builder;
  }

  /** Time between the first and the last event. */
  get durationNano(): bigint {
    return this.lastNano > this.firstNano ? this.lastNano - this.firstNano : 0n;
  }

  read(text: Buffer): void {
    let number = 1;
    for (let start = 0; start < text.length; number++) {
      const found = text.indexOf(0x0a, start);
      const end = found < 0 ? text.length : found;
      if (end - start > maxLine) throw new TooLargeError(`${format}: line ${number} is longer than ${maxLine} bytes`);
      this.line(text.utf8Slice(start, end).trimEnd(), number);
      start = end + 1;
    }
    this.finish();
  }

  private line(line: string, number: number): void {
    if (line === "") this.finish();
    else if (line.startsWith("#")) return;
    else if (/^\s/.test(line) && this.sample) this.stackLine(line, number);
    else this.header(line, number);
  }

  private finish(): void {
    if (!this.sample) return;
    if (this.inlined.length > 0) this.sample.locations.push(this.builder.location({ lines: this.inlined }));
    this.inlined = [];
    const { event, attributes, locations, period } = this.sample;
    event.counts.add(this.builder.stack(locations), attributes, 1);
    if (period !== "") event.periods.set(period, (event.periods.get(period) ?? 0) + 1);
    this.sample = undefined;
    this.eventCount++;
  }

  private header(line: string, number: number): void {
    if (isPerfRecord(line) || isSourceLine(line)) return;
    this.finish();
    const parsed = parsePerfHeader(line);
    if (!parsed) throw invalid(format, `line ${number} is no event: ${JSON.stringify(line.slice(0, 80))}`);
    const { comm, pid, tid, cpu, seconds, fraction, period, event, frame, isAlone } = parsed;
    if (seconds !== undefined) this.noteTime(seconds, fraction);
    const attributes = this.threadAttributes(comm, pid, tid, cpu);
    this.sample = { event: this.event(event), attributes, period, locations: [] };
    if (frame) this.frame(frame);
    if (isAlone) this.finish();
  }

  private noteTime(seconds: string, fraction: string): void {
    const time = BigInt(seconds.slice(0, 12)) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
    if (this.firstNano < 0n || time < this.firstNano) this.firstNano = time;
    if (time > this.lastNano) this.lastNano = time;
  }

  private event(name: string): PerfEvent {
    let event = this.events.get(name);
    if (!event) {
      if (this.events.size === maxEvents) throw new TooLargeError(`${format}: more than ${maxEvents} kinds of events`);
      event = { name, counts: new CountedStacks(format), periods: new Map() };
      this.events.set(name, event);
    }
    return event;
  }

  private threadAttributes(comm: string, pid: string, tid: string, cpu: string): readonly number[] {
    const key = `${pid}/${tid}/${cpu}/${comm}`;
    let known = this.threads.get(key);
    if (!known) {
      const list = [keyValue("thread.name", stringValue(comm)), keyValue("thread.id", intValue(int(tid)))];
      if (pid !== "") list.push(keyValue("process.pid", intValue(int(pid))));
      if (cpu !== "") list.push(keyValue("cpu.logical_number", intValue(int(cpu))));
      known = list.map((attribute) => this.builder.attribute(attribute));
      this.threads.set(key, known);
    }
    return known;
  }

  private stackLine(line: string, number: number): void {
    const frame = parsePerfFrame(line);
    if (frame) {
      this.frame(frame);
      return;
    }
    if (!isSourceLine(line)) {
      throw invalid(format, `line ${number} is no stack frame: ${JSON.stringify(line.trim().slice(0, 80))}`);
    }
  }

  private frame({ address, symbol, module }: PerfFrame): void {
    const { sample, inlined } = this;
    if (module === "inlined") {
      inlined.push({ function: this.function(symbol) });
      return;
    }
    const key = inlined.length === 0 ? `${address} ${module} ${symbol}` : "";
    let location = key === "" ? undefined : this.frames.get(key);
    if (location === undefined) {
      location = this.location(address, symbol, module);
      if (key !== "") this.frames.set(key, location);
    }
    sample?.locations.push(location);
  }

  private location(address: string, symbol: string, module: string): number {
    const lines = this.inlined;
    this.inlined = [];
    if (symbol !== "" && symbol !== "[unknown]") lines.push({ function: this.function(symbol) });
    const type = isKernel(module) ? "kernel" : "native";
    const attributes = [this.builder.attribute(keyValue("profile.frame.type", stringValue(type)))];
    const value = BigInt.asUintN(64, BigInt(`0x${address.slice(-16)}`));
    return this.builder.location({ address: value, mapping: this.module(module), lines, attributes });
  }

  private function(name: string): number {
    return this.builder.function(this.builder.string(name));
  }

  private module(name: string): number {
    if (name === "" || name === "[unknown]") return 0;
    let mapping = this.modules.get(name);
    if (mapping === undefined) {
      mapping = this.builder.mapping({ filename: this.builder.string(name) });
      this.modules.set(name, mapping);
    }
    return mapping;
  }
}

function int(text: string): bigint {
  return BigInt.asIntN(64, BigInt(text.slice(0, 19)));
}
