import type { KeyValue } from "../pdata/any-value.js";
import type { ValueType } from "../pdata/profiles.js";

/**
 * How values of a sample type relate to each other over time.
 *
 * - delta:      what happened during the profile; may be summed over time.
 * - instant:    what stands at that moment (heap in use, goroutines); never summed over time.
 * - cumulative: since the process began, as Go's runtime reports it. A receiver that reads it at the source makes it
 *               delta before it enters a pipeline; in a pipeline it is delta.
 */
export type Temporality = "delta" | "instant" | "cumulative";

export interface SampleKind extends ValueType {
  readonly temporality: Temporality;
}

/** A kind of profile: its Pyroscope name, its period type (type "" = it has none) and its sample types. */
export interface ProfileKind {
  readonly name: string;
  readonly periodType: ValueType;
  /** The same kind with another period type, as some agents write it. */
  readonly otherPeriodTypes?: readonly ValueType[];
  readonly samples: readonly SampleKind[];
}

const none: ValueType = Object.freeze({ type: "", unit: "" });

function valueType(type: string, unit: string): ValueType {
  return Object.freeze({ type, unit });
}

function sample(type: string, unit: string, temporality: Temporality): SampleKind {
  return Object.freeze({ type, unit, temporality });
}

const contentions = [sample("contentions", "count", "cumulative"), sample("delay", "nanoseconds", "cumulative")];

/**
 * Every kind that receivers and exporters know by name. Where a sample type belongs to several kinds (contentions and
 * delay; cpu beside wall), the period type decides, then the order of this table: mutex before block.
 */
export const profileKinds: readonly ProfileKind[] = [
  {
    name: "process_cpu",
    periodType: valueType("cpu", "nanoseconds"),
    samples: [sample("cpu", "nanoseconds", "delta"), sample("samples", "count", "delta")],
  },
  {
    name: "wall",
    periodType: valueType("wall", "nanoseconds"),
    samples: [
      sample("wall", "nanoseconds", "delta"),
      sample("cpu", "nanoseconds", "delta"),
      sample("samples", "count", "delta"),
    ],
  },
  {
    name: "memory",
    periodType: valueType("space", "bytes"),
    otherPeriodTypes: [valueType("inuse_space", "bytes")],
    samples: [
      sample("alloc_objects", "count", "cumulative"),
      sample("alloc_space", "bytes", "cumulative"),
      sample("inuse_objects", "count", "instant"),
      sample("inuse_space", "bytes", "instant"),
      sample("alloc_in_new_tlab_objects", "count", "delta"),
      sample("alloc_in_new_tlab_bytes", "bytes", "delta"),
      sample("alloc_outside_tlab_objects", "count", "delta"),
      sample("alloc_outside_tlab_bytes", "bytes", "delta"),
    ],
  },
  {
    name: "goroutine",
    periodType: valueType("goroutine", "count"),
    samples: [sample("goroutine", "count", "instant")],
  },
  {
    name: "threadcreate",
    periodType: valueType("threadcreate", "count"),
    samples: [sample("threadcreate", "count", "instant")],
  },
  {
    name: "mutex",
    periodType: valueType("contentions", "count"),
    otherPeriodTypes: [valueType("mutex", "count")],
    samples: contentions,
  },
  {
    name: "block",
    periodType: valueType("contentions", "count"),
    otherPeriodTypes: [valueType("block", "count")],
    samples: contentions,
  },
  { name: "off_cpu", periodType: none, samples: [sample("off_cpu", "nanoseconds", "delta")] },
  { name: "offcpu", periodType: none, samples: [sample("offcpu", "nanoseconds", "delta")] },
];

/** The profile attribute that carries a name which a receiver knew, such as "mutex" or "block". */
export const nameAttribute = "pyroscope.name";

export function sameValueType(a: ValueType, b: ValueType): boolean {
  return a.type === b.type && a.unit === b.unit;
}

function hasPeriodType(kind: ProfileKind, periodType: ValueType): boolean {
  if (sameValueType(kind.periodType, periodType)) return true;
  return kind.otherPeriodTypes?.some((other) => sameValueType(other, periodType)) ?? false;
}

function sampleOf(kind: ProfileKind, sampleType: ValueType): SampleKind | undefined {
  return kind.samples.find((known) => sameValueType(known, sampleType));
}

/**
 * The kind of a profile: by sample and period type together, else by the sample type alone. `samples/count` alone says
 * nothing. undefined = not in the table.
 */
export function kindOf(sampleType: ValueType, periodType: ValueType): ProfileKind | undefined {
  let byType: ProfileKind | undefined;
  for (const kind of profileKinds) {
    if (sampleOf(kind, sampleType) === undefined) continue;
    if (hasPeriodType(kind, periodType)) return kind;
    byType ??= kind;
  }
  return sampleType.type === "samples" ? undefined : byType;
}

/** The kind with this Pyroscope name; Pyroscope's own /ingest says "goroutines". */
export function kindNamed(name: string): ProfileKind | undefined {
  const known = name === "goroutines" ? "goroutine" : name;
  return profileKinds.find((kind) => kind.name === known);
}

/** How values of this type behave at the source; what the table doesn't know is delta. */
export function temporalityOf(sampleType: ValueType, periodType: ValueType): Temporality {
  const kind = kindOf(sampleType, periodType);
  return (kind && sampleOf(kind, sampleType)?.temporality) ?? "delta";
}

/** The name that a receiver or a rule gave to a profile, or "". */
export function givenName(attributes: readonly KeyValue[]): string {
  for (const { key, value } of attributes) {
    if (key === nameAttribute && value.type === "string") return value.value;
  }
  return "";
}

/**
 * `__name__` of a profile in Pyroscope: the profile attribute `pyroscope.name` where there is one, else the kind's name,
 * else the sample type's (a profile without one goes by its period type). Never empty.
 */
export function profileName(sampleType: ValueType, periodType: ValueType, attributes: readonly KeyValue[]): string {
  return (
    givenName(attributes) || kindOf(sampleType, periodType)?.name || sampleType.type || periodType.type || "unknown"
  );
}
