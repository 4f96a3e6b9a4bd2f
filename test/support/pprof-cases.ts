import { readFileSync } from "node:fs";
import type { Profile, Profiles } from "../../src/pdata/profiles.js";

/** test/fixtures/pprof-shapes/cases.json, whose `about` explains it. */
export interface PprofCase {
  readonly file: string;
  readonly name: string;
  readonly verdict: "valid" | "invalid" | "either";
  readonly library: string;
  readonly totals: Record<string, string>;
  readonly sample_types: { type: string; unit: string; total: string }[];
  readonly samples: number;
  readonly time: string;
  readonly duration: string;
  readonly period: string;
  readonly period_type: { type: string; unit: string };
  readonly comments?: string[];
  readonly drop_frames: string;
  readonly keep_frames: string;
  readonly default_sample_type: string;
  readonly doc_url?: string;
  readonly mappings?: {
    start: string;
    limit: string;
    offset: string;
    file: string;
    build_id: string;
    has: boolean[];
  }[];
  readonly digest?: string;
  readonly digest_labels?: string;
}

const folder = "test/fixtures/pprof-shapes";

export function pprofCases(): PprofCase[] {
  return JSON.parse(readFileSync(`${folder}/cases.json`, "utf8")).cases;
}

export function caseBytes({ file }: { file: string }): Buffer {
  return readFileSync(`${folder}/${file}`);
}

export function profilesOf(batch: Profiles): Profile[] {
  return batch.resources.flatMap((r) => r.scopes.flatMap((s) => [...s.profiles]));
}

/** Sums by "type/unit"; a second profile of the same type gets "#2". A sample without values counts its timestamps. */
export function totalsOf(profiles: readonly Profile[]): Record<string, bigint> {
  const totals: Record<string, bigint> = {};
  for (const profile of profiles) {
    const name = `${profile.sampleType.type}/${profile.sampleType.unit}`;
    let key = name;
    for (let n = 2; key in totals; n++) key = `${name}#${n}`;
    const { values, timestamps } = profile.columns();
    totals[key] = values.length > 0 ? values.reduce((sum, value) => sum + value, 0n) : BigInt(timestamps.length);
  }
  return totals;
}
