import { badInput } from "../../src/component/errors.js";
import type { ValueType } from "../../src/pdata/profiles.js";
import { type IngestQuery, periodNanoOf } from "./ingest-query.js";

/** What the values of bare stacks are. */
export interface StackType {
  /** `__name__` */
  readonly name: string;
  readonly sampleType: ValueType;
  readonly periodType: ValueType;
  readonly period: bigint;
  /** One counted sample stands for so much. */
  readonly scale: bigint;
}

const none: ValueType = { type: "", unit: "" };
const cpu: ValueType = { type: "cpu", unit: "nanoseconds" };

function plain(name: string, type: string, unit: string): StackType {
  return { name, sampleType: { type, unit }, periodType: none, period: 0n, scale: 1n };
}

/** By the last part of the application's name, behind a dot. */
const byEnding: ReadonlyMap<string, StackType> = new Map([
  ["alloc_objects", plain("memory", "alloc_objects", "count")],
  ["alloc_space", plain("memory", "alloc_space", "bytes")],
  ["inuse_objects", plain("memory", "inuse_objects", "count")],
  ["inuse_space", plain("memory", "inuse_space", "bytes")],
  ["alloc_in_new_tlab_objects", plain("memory", "alloc_in_new_tlab_objects", "count")],
  ["alloc_in_new_tlab_bytes", plain("memory", "alloc_in_new_tlab_bytes", "bytes")],
  ["alloc_outside_tlab_objects", plain("memory", "alloc_outside_tlab_objects", "count")],
  ["alloc_outside_tlab_bytes", plain("memory", "alloc_outside_tlab_bytes", "bytes")],
  ["live", plain("memory", "live", "count")],
  ["goroutines", plain("goroutine", "goroutines", "count")],
  ["mutex_count", plain("mutex", "contentions", "count")],
  ["mutex_duration", plain("mutex", "delay", "nanoseconds")],
  ["block_count", plain("block", "contentions", "count")],
  ["block_duration", plain("block", "delay", "nanoseconds")],
  ["lock_count", plain("block", "contentions", "count")],
  ["lock_duration", plain("block", "delay", "nanoseconds")],
  ["exceptions", plain("exceptions", "samples", "count")],
  ["bytes", plain("memory", "samples", "bytes")],
]);

const wall = { name: "wall", type: "wall" };

/** Counted on a timer: a sample stands for the time between two. */
const timed: ReadonlyMap<string, { name: string; type: string }> = new Map([
  ["cpu", { name: "process_cpu", type: "cpu" }],
  ["itimer", { name: "process_cpu", type: "cpu" }],
  ["wall", wall],
  ["seconds", wall],
  ["milliseconds", wall],
  ["microseconds", wall],
  ["nanoseconds", wall],
]);

/**
 * The type of an application's bare stacks, and its name without the part that said so. A name without a dot says
 * nothing, and counts CPU.
 */
export function stackTypeOf(query: IngestQuery): { app: string; type: StackType } {
  const dot = query.app.lastIndexOf(".");
  const ending = dot < 0 ? "cpu" : query.app.slice(dot + 1);
  const app = dot < 0 ? query.app : query.app.slice(0, dot);
  const timer = timed.get(ending);
  const type = timer ? timedType(timer.name, timer.type, periodNanoOf(query)) : byEnding.get(ending);
  if (!type || app === "") {
    const known = [...timed.keys(), ...byEnding.keys()].map((key) => `.${key}`).join(", ");
    throw badInput(`name: unknown profile type ${JSON.stringify(ending.slice(0, 100))}; it has to end in ${known}`);
  }
  return { app, type };
}

function timedType(name: string, type: string, period: bigint | undefined): StackType {
  if (period === undefined) return plain(name, "samples", "count");
  return { name, sampleType: { type, unit: "nanoseconds" }, periodType: cpu, period, scale: period };
}
