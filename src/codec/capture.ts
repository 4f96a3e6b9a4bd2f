import { type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { Profile, ValueType } from "../pdata/profiles.js";
import { stringAttribute } from "./typed-attributes.js";

/**
 * A capture is one act of profiling: a pprof with several sample types is one capture, though OTLP holds a Profile per
 * type. Profiles decoded from pprof say so by two attributes: an id, equal in all profiles of that pprof and in no
 * other, and all its sample types, so that a profile whose siblings went another way still knows of them.
 */
export const captureIdAttribute = "pprof.capture.id";
export const captureTypesAttribute = "pprof.capture.sample_types";

/** The attributes that a decoder of pprof gives to each profile of one capture. */
export function captureAttributes(id: string, types: readonly ValueType[]): KeyValue[] {
  return [
    keyValue(captureIdAttribute, stringValue(id)),
    keyValue(captureTypesAttribute, stringValue(types.map((type) => `${type.type}/${type.unit}`).join(" "))),
  ];
}

/** The capture id of a profile that was decoded from pprof, "" of any other. */
export function captureId(attributes: readonly KeyValue[]): string {
  return stringAttribute(attributes, captureIdAttribute);
}

/** Profiles of one scope that were taken together. */
export interface Capture {
  /** As `captureId`. */
  readonly id: string;
  readonly profiles: Profile[];
  /** Sample types of the capture as "type/unit", those included that stand elsewhere. */
  readonly types: ReadonlySet<string>;
}

/**
 * The captures among the profiles of one scope. Profiles without an id, as other OTLP senders write them, belong
 * together when time and duration are equal; a second profile of the same sample and period type then begins another
 * capture (times of 0 say nothing, so this keeps unrelated profiles apart as far as it goes).
 */
export function groupCaptures(profiles: readonly Profile[]): Capture[] {
  if (profiles.length === 1) return [captureOfOne(profiles[0])];
  const captures: Capture[] = [];
  const open = new Map<string, OpenCapture>();
  for (const profile of profiles) {
    const attributes = profile.attributes;
    const id = captureId(attributes);
    const key = id === "" ? `t${profile.timeUnixNano} ${profile.durationNano}` : `c${id}`;
    const type = typeText(profile.sampleType);
    const seen = `${type} ${typeText(profile.periodType)}`;
    let capture = open.get(key);
    if (!capture || (id === "" && capture.seen.has(seen))) {
      capture = { id, profiles: [], types: new Set(), seen: new Set() };
      open.set(key, capture);
      captures.push(capture);
    }
    capture.seen.add(seen);
    capture.profiles.push(profile);
    addTypes(capture.types, type, attributes);
  }
  return captures;
}

interface OpenCapture extends Capture {
  readonly types: Set<string>;
  readonly seen: Set<string>;
}

function captureOfOne(profile: Profile): Capture {
  const attributes = profile.attributes;
  const types = new Set<string>();
  addTypes(types, typeText(profile.sampleType), attributes);
  return { id: captureId(attributes), profiles: [profile], types };
}

function addTypes(types: Set<string>, own: string, attributes: readonly KeyValue[]): void {
  types.add(own);
  const listed = stringAttribute(attributes, captureTypesAttribute);
  if (listed !== "") for (const type of listed.split(" ")) types.add(type);
}

function typeText(type: ValueType): string {
  return `${type.type}/${type.unit}`;
}
