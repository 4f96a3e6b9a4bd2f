import { gunzip, isGzip } from "../../src/codec/gunzip.js";
import { addPprof } from "../../src/codec/pprof-decode.js";
import { BaselineTooLargeError, deltaPprof, type PprofDelta } from "../../src/codec/pprof-delta.js";
import { nameAttribute, temporalityOf } from "../../src/codec/profile-kinds.js";
import { permanent } from "../../src/component/errors.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder } from "../../src/pdata/builder.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { Baseline } from "./baselines.js";
import type { ScrapeTarget } from "./target.js";

export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** What one answer of a target came to. */
export interface Scraped {
  /** undefined for the first of a kind that counts from the process' begin, and where nothing happened. */
  readonly profiles: Profiles | undefined;
  /** To be called when the profiles were taken: from then on differences are to this scrape. */
  readonly commit: () => void;
}

const noType = { type: "", unit: "" };
const noCommit = () => {};

/** Makes profiles of a target's pprof, gzip or plain. Throws InvalidProfilesError or a PipelineError. */
export function decodeScrape(
  bytes: Buffer,
  target: ScrapeTarget,
  baseline: Baseline,
  maxBytes: number,
  scope: Scope,
): Scraped {
  const { kind } = target;
  if (!kind.cumulative || kind.delta)
    return { profiles: toProfiles(bytes, target, maxBytes, scope, false), commit: noCommit };
  const plain = isGzip(bytes) ? gunzip("pprof", bytes, maxBytes) : bytes;
  const delta = difference(plain, baseline);
  if (!delta) return { profiles: toProfiles(plain, target, maxBytes, scope, false), commit: noCommit };
  const commit = () => baseline.set(delta.baseline);
  if (!delta.bytes) {
    // Decoded all the same: what is no pprof must not become a baseline.
    toProfiles(plain, target, maxBytes, scope, false);
    return { profiles: undefined, commit };
  }
  return { profiles: toProfiles(delta.bytes, target, maxBytes, scope, true), commit };
}

function difference(plain: Buffer, baseline: Baseline): PprofDelta | undefined {
  try {
    return deltaPprof(plain, baseline.value, {
      isCumulative: (type, unit) => temporalityOf({ type, unit }, noType) === "cumulative",
      maxBaselineBytes: baseline.maxBytes,
    });
  } catch (caught) {
    if (!(caught instanceof BaselineTooLargeError)) throw caught;
    throw permanent(`${caught.message}, and max_delta_bytes is used up`, { reason: "delta_memory" });
  }
}

/** undefined where it has no samples. */
function toProfiles(
  bytes: Buffer,
  target: ScrapeTarget,
  maxBytes: number,
  scope: Scope,
  isDifference: boolean,
): Profiles | undefined {
  const attributes = [keyValue(nameAttribute, stringValue(target.name))];
  // Pyroscope would else take the values for cumulative ones.
  if (isDifference) attributes.push(keyValue("__delta__", stringValue("false")));
  const builder = new ProfilesBuilder();
  const resource = builder.resource(resourceAttributes(target.labels));
  const { sampleCount } = addPprof(resource.scope(scope.name, scope.version), bytes, { maxBytes, attributes });
  const profiles = builder.finish();
  return sampleCount === 0 ? undefined : profiles;
}

export function resourceAttributes(labels: ReadonlyMap<string, string>): KeyValue[] {
  return Array.from(labels, ([name, value]) =>
    keyValue(name === "service_name" ? "service.name" : name, stringValue(value)),
  );
}
