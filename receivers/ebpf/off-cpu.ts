import { type AnyValue, keyValue } from "../../src/pdata/any-value.js";
import type { Profiles } from "../../src/pdata/profiles.js";

/** Profile attribute: values are those of the events that chance picked, and no factor is known. */
export const unscaledAttribute = "off_cpu.unscaled";
/** Profile attribute: values were divided by this probability. */
export const probabilityAttribute = "off_cpu.probability";

const decimals = 1_000_000;

/**
 * Off-CPU events are picked at random by the profiler, which doesn't say how many of them. Where the probability is known,
 * values are divided by it and stand for all; else the profile says that they don't. Edits the batch in place.
 */
export function scaleOffCpu(profiles: Profiles, probability: number): void {
  for (const resource of profiles.resources) {
    for (const scope of resource.scopes) {
      for (const profile of scope.profiles) {
        if (profile.sampleType.type !== "off_cpu") continue;
        const mark = (key: string, value: AnyValue) =>
          profile.setAttributes([...profile.attributes, keyValue(key, value)]);
        if (probability <= 0) {
          mark(unscaledAttribute, { type: "bool", value: true });
          continue;
        }
        if (probability < 1) profile.mapSampleValues((value) => divided(value, probability));
        mark(probabilityAttribute, { type: "double", value: probability });
      }
    }
  }
}

/** Exact where a double is; beyond, to six decimals of the probability. */
function divided(value: bigint, probability: number): bigint {
  const quotient = Number(value) / probability;
  if (Number.isSafeInteger(Math.round(quotient))) return BigInt(Math.round(quotient));
  return (value * BigInt(decimals)) / BigInt(Math.max(1, Math.round(probability * decimals)));
}
