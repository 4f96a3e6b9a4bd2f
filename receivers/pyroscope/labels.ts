import { LruCache } from "../../src/attributes/lru-cache.js";
import { SeriesAttributes } from "../../src/codec/pprof-batch.js";
import { nameAttribute } from "../../src/codec/profile-kinds.js";
import { type KeyValue, keyValue, stringValue } from "../../src/pdata/any-value.js";

export type Label = readonly [name: string, value: string];

/** Pyroscope derives these itself; whatever a client says in them is not kept. */
const derived: ReadonlySet<string> = new Set([
  "__name__",
  "__type__",
  "__unit__",
  "__period_type__",
  "__period_unit__",
  "__profile_type__",
  "__service_name__",
]);

const deltaPrefix = "godeltaprof_";
const nameAttributes = new Map<string, readonly KeyValue[]>();
/** Names are few; a client that makes them up gets no room. */
const maxCachedNames = 200;

/** The profile attribute that carries `__name__`. */
function namedBy(name: string): readonly KeyValue[] {
  let attributes = nameAttributes.get(name);
  if (!attributes) {
    attributes = [keyValue(nameAttribute, stringValue(name))];
    if (nameAttributes.size < maxCachedNames) nameAttributes.set(name, attributes);
  }
  return attributes;
}

/**
 * Labels become resource attributes, `service_name` becomes service.name and `name` the profiles' pyroscope.name ("" =
 * none). A label without a value is no label. `godeltaprof_` in front of a name says how the profile was made, and is
 * taken off, as Pyroscope does.
 */
export function attributesOf(name: string, labels: readonly Label[]): SeriesAttributes {
  const isDelta = name.startsWith(deltaPrefix);
  const bare = isDelta ? name.slice(deltaPrefix.length) : name;
  const hasService = labels.some(([key, value]) => key === "service_name" && value !== "");
  const resource: KeyValue[] = [];
  for (const [key, value] of labels) {
    if (value === "" || derived.has(key)) continue;
    if (key === "service_name") resource.push(keyValue("service.name", stringValue(value)));
    else if (key === "__delta__" && isDelta) continue;
    // Both spellings would be one attribute; Pyroscope goes by service_name.
    else if (key !== "service.name" || !hasService) resource.push(keyValue(key, stringValue(value)));
  }
  if (isDelta) resource.push(keyValue("__delta__", stringValue("false")));
  return new SeriesAttributes(resource, bare === "" ? [] : namedBy(bare));
}

const maxKnownSeries = 8192;
const maxKnownBytes = 8 * 1024 * 1024;

/** What label sets became, by their bytes: those that were used longest ago are forgotten. */
export function createKnownSeries(): LruCache<SeriesAttributes> {
  // A set is held as its key, as attributes and encoded.
  return new LruCache(maxKnownSeries, maxKnownBytes, (key, { resource }) => 6 * key.length + 200 * resource.length);
}
