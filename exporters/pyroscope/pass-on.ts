import type { PprofLimits } from "../../src/codec/pprof-encode.js";
import { PprofPayload } from "../../src/codec/pprof-payload.js";
import { givenName } from "../../src/codec/profile-kinds.js";
import type { ResourceProfiles } from "../../src/pdata/profiles.js";
import { isSentAsItIs, seriesName, yearNano } from "./plan.js";

const none: readonly PprofPayload[] = [];

/** The pprofs of a resource whose bytes are passed on: unchanged, and what encoding them anew would come to. */
export function passedOn({ payloads }: ResourceProfiles, limits: PprofLimits): readonly PprofPayload[] {
  if (!payloads) return none;
  return payloads.filter((payload) => payload instanceof PprofPayload && isPassedOn(payload, limits)) as PprofPayload[];
}

function isPassedOn(payload: PprofPayload, limits: PprofLimits): boolean {
  const { outline, attributes, byteSize } = payload;
  const { sampleTypes, periodType, period, timeUnixNano, sampleCount } = outline;
  if (sampleCount > limits.maxSamples || byteSize > limits.maxBytes || timeUnixNano < yearNano) return false;
  if (!sampleTypes.every((sampleType) => isSentAsItIs(sampleType, periodType, period, sampleTypes))) return false;
  if (givenName(attributes) !== "") return true;
  const name = nameOf(payload);
  return sampleTypes.every((sampleType) => seriesName(sampleType, periodType, attributes) === name);
}

/** `__name__` of all that it holds. */
export function nameOf({ outline, attributes }: PprofPayload): string {
  return seriesName(outline.sampleTypes[0], outline.periodType, attributes);
}
