import { LruCache } from "../../src/attributes/lru-cache.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import type { ResourceProfiles } from "../../src/pdata/profiles.js";
import { Writer } from "../../src/proto/wire.js";
import { collectLabels, fitLabels, isProfileLabel, maxLabels, type SeriesLabels } from "./labels.js";

const maxKnownSeries = 8192;
const maxKnownBytes = 8 * 1024 * 1024;

interface Encoded {
  readonly fitted: SeriesLabels;
  readonly bytes: Buffer;
}

/** Makes labels fit Pyroscope's limits and writes them as fields of a Series message. */
export class LabelEncoder {
  private readonly report: (labels: SeriesLabels) => void;
  // Agents send the same resources again and again.
  private readonly known = new LruCache<Encoded>(maxKnownSeries, maxKnownBytes, weigh);

  /** `report` is told of each series whose labels had to be left out or cut. */
  constructor(report: (labels: SeriesLabels) => void) {
    this.report = report;
  }

  encode(candidates: ReadonlyMap<string, string>, limit: number): Buffer {
    return this.reported(encodeLabels(candidates, limit));
  }

  /** The labels of a profile with these attributes, of a scope without any. */
  ofResource(resource: ResourceProfiles, profile: readonly KeyValue[], name: string): Buffer {
    if (profile.some(({ key }) => isProfileLabel(key))) return this.reported(labelsOf(resource, profile, name));
    const bytes = resource.resourceBytes();
    const key = `${name}\0${bytes.latin1Slice(0, bytes.length)}`;
    let encoded = this.known.get(key);
    if (!encoded) {
      encoded = labelsOf(resource, profile, name);
      this.known.set(key, encoded);
    }
    return this.reported(encoded);
  }

  private reported({ fitted, bytes }: Encoded): Buffer {
    if (fitted.dropped.length > 0 || fitted.cut.length > 0) this.report(fitted);
    return bytes;
  }
}

function labelsOf(resource: ResourceProfiles, profile: readonly KeyValue[], name: string): Encoded {
  const candidates = collectLabels(resource.attributes, [], profile);
  candidates.set("__name__", name);
  return encodeLabels(candidates, maxLabels);
}

function encodeLabels(candidates: ReadonlyMap<string, string>, limit: number): Encoded {
  const fitted = fitLabels(candidates, limit);
  const out = new Writer(64 * fitted.labels.length + 16);
  for (const [name, value] of fitted.labels) {
    out.message(1, () => {
      out.string(1, name);
      out.string(2, value);
    });
  }
  return { fitted, bytes: out.copyOut() };
}

function weigh(key: string, { fitted, bytes }: Encoded): number {
  return 2 * key.length + 3 * bytes.length + 100 * fitted.labels.length;
}
