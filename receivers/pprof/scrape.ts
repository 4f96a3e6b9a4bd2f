import { gunzip, isGzip } from "../../src/codec/gunzip.js";
import { PprofBatch, SeriesAttributes } from "../../src/codec/pprof-batch.js";
import { BaselineTooLargeError, deltaPprof, type PprofDelta } from "../../src/codec/pprof-delta.js";
import { nameAttribute, temporalityOf } from "../../src/codec/profile-kinds.js";
import { permanent } from "../../src/component/errors.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";
import type { PayloadScope } from "../../src/pdata/payload.js";
import type { Baseline } from "./baselines.js";
import type { ScrapeTarget } from "./target.js";

/** What one answer of a target came to. */
export interface Scraped {
  /** undefined for the first of a kind that counts from the process' begin. */
  readonly batch: PprofBatch | undefined;
  /** To be called when the profiles were taken: from then on differences are to this scrape. */
  readonly commit: () => void;
}

const noType = { type: "", unit: "" };
const noCommit = () => {};

/** What the profiles of a target get, by whether they are differences. */
export class TargetAttributes {
  readonly whole: SeriesAttributes;
  readonly difference: SeriesAttributes;

  constructor({ name, labels }: ScrapeTarget) {
    const resource = resourceAttributes(labels);
    const named = [keyValue(nameAttribute, stringValue(name))];
    this.whole = new SeriesAttributes(resource, named);
    // Pyroscope would else take the values for cumulative ones.
    this.difference = new SeriesAttributes(resource, [...named, keyValue("__delta__", stringValue("false"))]);
  }
}

/** Makes profiles of a target's pprof, gzip or plain. Throws InvalidProfilesError or a PipelineError. */
export function decodeScrape(
  bytes: Buffer,
  { kind }: ScrapeTarget,
  { whole, difference }: TargetAttributes,
  baseline: Baseline,
  maxBytes: number,
  scope: PayloadScope,
): Scraped {
  const batchOf = (pprof: Buffer, attributes: SeriesAttributes, plain?: Buffer): PprofBatch => {
    const batch = new PprofBatch(maxBytes, scope);
    // A difference has the tables of all that did not change: decoded, it is pushed without them.
    if (attributes === difference) batch.open();
    batch.addPprof(batch.series(attributes), pprof, { plain });
    return batch;
  };
  if (!kind.cumulative || kind.delta) return { batch: batchOf(bytes, whole), commit: noCommit };
  const plain = isGzip(bytes) ? gunzip("pprof", bytes, maxBytes) : bytes;
  const delta = compare(plain, baseline);
  if (!delta) return { batch: batchOf(bytes, whole, plain), commit: noCommit };
  const commit = () => baseline.set(delta.baseline);
  if (delta.bytes) return { batch: batchOf(delta.bytes, difference), commit };
  // Checked all the same: what is no pprof must not become a baseline.
  batchOf(plain, whole);
  return { batch: undefined, commit };
}

function compare(plain: Buffer, baseline: Baseline): PprofDelta | undefined {
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

export function resourceAttributes(labels: ReadonlyMap<string, string>): KeyValue[] {
  return Array.from(labels, ([name, value]) =>
    keyValue(name === "service_name" ? "service.name" : name, stringValue(value)),
  );
}
