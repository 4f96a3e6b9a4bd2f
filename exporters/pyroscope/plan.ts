import type { Capture } from "../../src/codec/capture.js";
import type { PprofColumn, PprofInput } from "../../src/codec/pprof-encode.js";
import { kindNamed, kindOf, profileName, sameValueType, temporalityOf } from "../../src/codec/profile-kinds.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import type { Profile, ValueType } from "../../src/pdata/profiles.js";

const cpu: ValueType = { type: "cpu", unit: "nanoseconds" };
const samples: ValueType = { type: "samples", unit: "count" };

/** What becomes one pprof of one series. */
export interface PprofPlan {
  /** `__name__` */
  readonly name: string;
  readonly input: PprofInput;
  /** True if a Pyroscope that computes deltas itself would take these sums for running totals. */
  readonly needsDeltaMark: boolean;
}

/**
 * The pprofs that a capture becomes: profiles of equal name and period joined, each under the type by which Pyroscope's
 * own agents call it. `nowNano` stands in for a time that nobody set.
 */
export function planCapture(capture: Capture, nowNano: bigint): PprofPlan[] {
  const plans = new Map<
    string,
    { name: string; periodType: ValueType; columns: PprofColumn[]; needsDeltaMark: boolean }
  >();
  const fromPprof = capture.id !== "";
  for (const profile of capture.profiles) {
    const sampleType = profile.sampleType;
    const name = seriesName(sampleType, profile.periodType, profile.attributes);
    const periodType = periodTypeOf(name, sampleType, profile.periodType, fromPprof);
    // With lengths in front, so that no two lists of texts read the same.
    const { type, unit } = periodType;
    const key = `${name.length}:${type.length}:${name}${type}${unit}:${profile.period}`;
    let plan = plans.get(key);
    if (!plan) {
      plan = { name, periodType, columns: [], needsDeltaMark: false };
      plans.set(key, plan);
    }
    plan.columns.push(columnOf(profile, sampleType, periodType, capture));
    plan.needsDeltaMark ||= !fromPprof && temporalityOf(sampleType, periodType) === "cumulative";
  }
  return Array.from(plans.values(), ({ name, periodType, columns, needsDeltaMark }) => {
    const { period, durationNano } = columns[0].profile;
    const timeUnixNano = timeOf(columns, nowNano);
    return { name, needsDeltaMark, input: { columns, periodType, period, timeUnixNano, durationNano } };
  });
}

/** `__name__` of a profile. */
export function seriesName(sampleType: ValueType, periodType: ValueType, attributes: readonly KeyValue[]): string {
  return profileName(sampleType, periodType, attributes).replaceAll(":", "_");
}

/** Other senders leave the period type out, or say more by it than Pyroscope's names do. */
function periodTypeOf(name: string, sampleType: ValueType, periodType: ValueType, fromPprof: boolean): ValueType {
  if (fromPprof) return periodType;
  if (name === "process_cpu" && sameValueType(sampleType, cpu)) return cpu;
  if (periodType.type !== "") return periodType;
  return (kindNamed(name) ?? kindOf(sampleType, periodType))?.periodType ?? periodType;
}

/**
 * Counted CPU samples become time (count x period), unless the capture has the time in a profile of its own: then both
 * stay what they are.
 */
function columnOf(profile: Profile, sampleType: ValueType, periodType: ValueType, capture: Capture): PprofColumn {
  const { period } = profile;
  if (isCountOfTime(sampleType, periodType, period) && !capture.types.has("cpu/nanoseconds")) {
    return { profile, type: cpu, scale: period };
  }
  return { profile, type: acceptableType(sampleType), scale: 1n };
}

/** True for samples that each stand for a period of CPU time. */
function isCountOfTime(sampleType: ValueType, periodType: ValueType, period: bigint): boolean {
  return sameValueType(sampleType, samples) && sameValueType(periodType, cpu) && period > 0n;
}

/** True if values of this type, one of the `types` of a capture, are sent as they are under the type's own name. */
export function isSentAsItIs(
  sampleType: ValueType,
  periodType: ValueType,
  period: bigint,
  types: readonly ValueType[],
): boolean {
  if (/[-:]/.test(sampleType.type) || sampleType.unit.includes(":")) return false;
  return !isCountOfTime(sampleType, periodType, period) || types.some((type) => sameValueType(type, cpu));
}

/** Pyroscope refuses a dash in a sample type, and its profile type ids are cut at colons. */
function acceptableType({ type, unit }: ValueType): ValueType {
  return { type: type.replaceAll(/[-:]/g, "_"), unit: unit.replaceAll(":", "_") };
}

/** Times within a year of 1970 are clocks that nobody set. */
export const yearNano = 31_536_000_000_000_000n;

/** A time that isn't set is the oldest of the timestamps, else now. */
function timeOf(columns: readonly PprofColumn[], nowNano: bigint): bigint {
  const time = columns[0].profile.timeUnixNano;
  if (time >= yearNano) return time;
  let oldest = 0n;
  for (const { profile } of columns) {
    for (const timestamp of profile.columns().timestamps) {
      if (timestamp >= yearNano && (oldest === 0n || timestamp < oldest)) oldest = timestamp;
    }
  }
  return oldest || nowNano;
}
