import type { PprofLimits } from "../../src/codec/pprof-encode.js";
import { PprofPayload } from "../../src/codec/pprof-payload.js";
import type { ResourceProfiles } from "../../src/pdata/profiles.js";
import { isSentAsItIs, seriesName, yearNano } from "./plan.js";

/**
 * The pprofs of a resource that nothing has looked into or changed, if all of them are what encoding them anew would
 * come to: then their bytes are passed on. One without samples is left out, as it would be then.
 */
export function asItCame(resource: ResourceProfiles, limits: PprofLimits): readonly PprofPayload[] | undefined {
  const pprofs: PprofPayload[] = [];
  const { payloads } = resource;
  if (!payloads) return undefined;
  for (const payload of payloads) {
    if (!(payload instanceof PprofPayload) || !isPassedOn(payload, limits)) return undefined;
    if (payload.sampleCount > 0) pprofs.push(payload);
  }
  return pprofs;
}

function isPassedOn(payload: PprofPayload, limits: PprofLimits): boolean {
  const { outline, attributes, byteSize } = payload;
  const { sampleTypes, periodType, period, timeUnixNano, sampleCount } = outline;
  if (sampleCount > limits.maxSamples || byteSize > limits.maxBytes || timeUnixNano < yearNano) return false;
  const types = new Set(sampleTypes.map(({ type, unit }) => `${type}/${unit}`));
  const name = nameAsItCame(payload);
  return sampleTypes.every(
    (sampleType) =>
      seriesName(sampleType, periodType, attributes) === name && isSentAsItIs(sampleType, periodType, period, types),
  );
}

/** `__name__` of all its profiles. */
export function nameAsItCame({ outline, attributes }: PprofPayload): string {
  return seriesName(outline.sampleTypes[0], outline.periodType, attributes);
}
