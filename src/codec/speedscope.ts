import { type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { ScopeBuilder } from "../pdata/builder.js";
import type { ValueType } from "../pdata/profiles.js";
import { CountedStacks } from "./counted-stacks.js";
import { invalid } from "./invalid.js";
import { JsonInput } from "./json-input.js";
import {
  countType,
  maxFrames,
  type StackOptions,
  type StackSummary,
  tooManyFrames,
  wallType,
} from "./stack-options.js";

/*
 * speedscope's file format:
 * { $schema, shared: { frames: [{ name, file, line, col }] },
 *   profiles: [{ type: "sampled", name, unit, startValue, endValue, samples: [[frame]], weights: [n] }
 *            | { type: "evented", name, unit, startValue, endValue, events: [{ type: "O" | "C", frame, at }] }] }
 * Stacks are outermost first; a frame is an index of shared.frames.
 */

export interface SpeedscopeOptions extends StackOptions {
  /** What is counted; default by the unit: wall/nanoseconds, space/bytes, or samples/count. */
  readonly sampleType?: ValueType;
  readonly periodType?: ValueType;
  readonly period?: bigint;
  /** What one of unit "none" is worth. Default 1. */
  readonly countScale?: number;
  /** Attributes of each profile by itself, by its sample type. */
  readonly ownAttributes?: (sampleType: ValueType) => readonly KeyValue[];
}

const format = "speedscope";
const json = new JsonInput(format);
const schema = "https://www.speedscope.app/file-format-schema.json";
const maxProfiles = 10_000;

const units: ReadonlyMap<string, { readonly type: ValueType; readonly factor: number }> = new Map([
  ["none", { type: countType, factor: 1 }],
  ["bytes", { type: { type: "space", unit: "bytes" }, factor: 1 }],
  ["nanoseconds", { type: wallType, factor: 1 }],
  ["microseconds", { type: wallType, factor: 1e3 }],
  ["milliseconds", { type: wallType, factor: 1e6 }],
  ["seconds", { type: wallType, factor: 1e9 }],
]);

/** Adds a speedscope file to a batch being built: a profile per profile of the file. Throws InvalidProfilesError. */
export function addSpeedscope(scope: ScopeBuilder, bytes: Buffer, options: SpeedscopeOptions = {}): StackSummary {
  const document = json.parse(bytes, options.maxBytes);
  if (document.$schema !== schema) throw invalid(format, `$schema is not ${schema}`);
  const frames = json.array(json.object(document.shared, "shared").frames, "shared.frames");
  const locations = frames.map((frame, i) => readFrame(scope, frame, `shared.frames[${i}]`));
  const profiles = json.array(document.profiles, "profiles");
  if (profiles.length > maxProfiles) throw json.fault("profiles", `has more than ${maxProfiles} entries`);
  const reader = new StackReader(scope, locations);
  const sampleTypes: ValueType[] = [];
  for (let i = 0; i < profiles.length; i++) {
    sampleTypes.push(addProfile(scope, reader, json.object(profiles[i], `profiles[${i}]`), `profiles[${i}]`, options));
  }
  return { sampleTypes, eventCount: reader.eventCount };
}

function readFrame(scope: ScopeBuilder, value: unknown, place: string): number {
  const frame = json.object(value, place);
  const name = json.text(frame.name, `${place}.name`);
  if (name === "") throw json.fault(`${place}.name`, "is missing");
  const file = json.text(frame.file, `${place}.file`);
  const line = json.optionalInteger(frame.line, `${place}.line`);
  const column = json.optionalInteger(frame.col, `${place}.col`);
  const { builder } = scope;
  const index = builder.function(builder.string(name), 0, builder.string(file));
  return builder.location({ lines: [{ function: index, line, column }] });
}

function addProfile(
  scope: ScopeBuilder,
  reader: StackReader,
  value: Record<string, unknown>,
  place: string,
  options: SpeedscopeOptions,
): ValueType {
  const unit = units.get(json.text(value.unit, `${place}.unit`));
  if (!unit)
    throw json.fault(
      `${place}.unit`,
      `is ${JSON.stringify(value.unit) ?? "missing"} (${[...units.keys()].join(", ")})`,
    );
  const start = json.number(value.startValue ?? 0, `${place}.startValue`);
  const end = json.number(value.endValue ?? 0, `${place}.endValue`);
  const counts = new CountedStacks(format);
  const factor = unit.type === countType ? (options.countScale ?? 1) : unit.factor;
  if (value.type === "sampled") reader.sampled(value, place, factor, counts);
  else if (value.type === "evented") reader.evented(value, place, factor, counts);
  else throw json.fault(`${place}.type`, 'is neither "sampled" nor "evented"');
  const sampleType = options.sampleType ?? unit.type;
  const isTime = unit.type === wallType;
  const length = isTime && end > start ? BigInt(whole((end - start) * unit.factor, `${place}.endValue`)) : 0n;
  const name = json.text(value.name, `${place}.name`);
  const attributes = [...(options.attributes ?? []), ...(options.ownAttributes?.(sampleType) ?? [])];
  if (name !== "") attributes.push(keyValue("speedscope.profile.name", stringValue(name)));
  const { timeUnixNano, durationNano = length, periodType, period } = options;
  counts.write(scope.profile({ sampleType, periodType, period, timeUnixNano, durationNano, attributes }));
  return sampleType;
}

/** Weights of time may be fractions of their unit. */
function whole(value: number, place: string): number {
  const rounded = Math.round(value);
  if (!Number.isSafeInteger(rounded)) throw json.fault(place, "is out of range");
  return rounded;
}

class StackReader {
  eventCount = 0;
  private readonly scope: ScopeBuilder;
  private readonly locations: readonly number[];
  private frames = 0;

  constructor(scope: ScopeBuilder, locations: readonly number[]) {
    this.scope = scope;
    this.locations = locations;
  }

  private location(value: unknown, place: string): number {
    const index = json.integer(value, place);
    if (index < 0 || index >= this.locations.length) {
      throw json.fault(place, `is frame ${index} of ${this.locations.length}`);
    }
    return this.locations[index];
  }

  /** `frames` is outermost first, and left as it is. */
  private stack(frames: readonly number[]): number {
    this.frames += frames.length;
    if (this.frames > maxFrames) throw tooManyFrames(format);
    return this.scope.builder.stack([...frames].reverse());
  }

  sampled(value: Record<string, unknown>, place: string, factor: number, counts: CountedStacks): void {
    const samples = json.array(value.samples, `${place}.samples`);
    const weights = json.array(value.weights, `${place}.weights`);
    if (weights.length !== samples.length) {
      throw json.fault(`${place}.weights`, `has ${weights.length} entries for ${samples.length} samples`);
    }
    for (let i = 0; i < samples.length; i++) {
      const at = `${place}.samples[${i}]`;
      const frames = json.array(samples[i], at).map((frame, k) => this.location(frame, `${at}[${k}]`));
      const weightAt = `${place}.weights[${i}]`;
      const weight = json.number(weights[i], weightAt);
      if (weight < 0) throw json.fault(weightAt, "is negative");
      counts.add(this.stack(frames), [], whole(weight * factor, weightAt));
      this.eventCount++;
    }
  }

  /** Between two events the stack is worth the time, or whatever is measured, that passed. */
  evented(value: Record<string, unknown>, place: string, factor: number, counts: CountedStacks): void {
    const open: number[] = [];
    let before = 0;
    const events = json.array(value.events, `${place}.events`);
    for (let i = 0; i < events.length; i++) {
      const here = `${place}.events[${i}]`;
      const event = json.object(events[i], here);
      const at = json.number(event.at, `${here}.at`);
      const location = this.location(event.frame, `${here}.frame`);
      if (i > 0 && at < before) throw json.fault(`${here}.at`, "goes back");
      if (open.length > 0 && at > before) {
        counts.add(this.stack(open), [], whole(at * factor, `${here}.at`) - whole(before * factor, `${here}.at`));
      }
      before = at;
      if (event.type === "O") open.push(location);
      else if (event.type !== "C") throw json.fault(`${here}.type`, 'is neither "O" nor "C"');
      else if (open.pop() !== location) throw json.fault(here, "closes a frame that isn't the innermost open one");
      this.eventCount++;
    }
    if (open.length > 0) throw json.fault(`${place}.events`, `leaves ${open.length} frames open`);
  }
}
