import type { ValueType } from "../pdata/profiles.js";
import { cpuType, wallType } from "./stack-options.js";

/** What one kind of event becomes: a pprof of Pyroscope's, a profile per sample type here. */
export interface JfrKind {
  /** Pyroscope's name. */
  readonly name: string;
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType;
}

function type(name: string, unit: string): ValueType {
  return Object.freeze({ type: name, unit });
}

const space = type("space", "bytes");
const contentions = [type("contentions", "count"), type("delay", "nanoseconds")];
/** By what they count; the profiles that Pyroscope makes of a recording. */
export const jfrKinds = {
  cpu: { name: "process_cpu", sampleTypes: [cpuType], periodType: cpuType },
  wall: { name: "wall", sampleTypes: [wallType], periodType: wallType },
  inTlab: {
    name: "memory",
    sampleTypes: [type("alloc_in_new_tlab_objects", "count"), type("alloc_in_new_tlab_bytes", "bytes")],
    periodType: space,
  },
  outsideTlab: {
    name: "memory",
    sampleTypes: [type("alloc_outside_tlab_objects", "count"), type("alloc_outside_tlab_bytes", "bytes")],
    periodType: space,
  },
  allocSample: {
    name: "memory",
    sampleTypes: [type("alloc_sample_objects", "count"), type("alloc_sample_bytes", "bytes")],
    periodType: space,
  },
  malloc: {
    name: "memory",
    sampleTypes: [type("malloc_objects", "count"), type("malloc_bytes", "bytes")],
    periodType: type("", ""),
  },
  live: { name: "memory", sampleTypes: [type("live", "count")], periodType: type("objects", "count") },
  monitor: { name: "mutex", sampleTypes: contentions, periodType: type("mutex", "count") },
  park: { name: "block", sampleTypes: contentions, periodType: type("block", "count") },
} satisfies Record<string, JfrKind>;
export type JfrKindKey = keyof typeof jfrKinds;
