import { badInput } from "../../src/component/errors.js";

/** A client's own names for sample types: `sample_type_config`. */
export type DisplayNames = ReadonlyMap<string, string>;

/** Names that Pyroscope's clients mean where they say nothing. */
const usual: ReadonlyMap<string, string> = new Map([
  ["samples", "cpu"],
  ["goroutine", "goroutines"],
  ["contentions", "mutex_count"],
  ["delay", "mutex_duration"],
]);

/** What in a display name stands for which profile; the first row that fits any of the names wins. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/wall/, "wall"],
  [/cpu/, "process_cpu"],
  [/alloc_|inuse_|space|objects/, "memory"],
  [/mutex_/, "mutex"],
  [/block_/, "block"],
  [/goroutines/, "goroutines"],
];

/** `__name__` of a pprof that came to /ingest, by its sample types; "" = they don't tell. */
export function ingestedName(sampleTypes: readonly string[], names: DisplayNames): string {
  const shown = sampleTypes.map((type) => names.get(type) ?? usual.get(type) ?? type);
  return rules.find(([pattern]) => shown.some((name) => pattern.test(name)))?.[1] ?? "";
}

/** The `sample_type_config` field: JSON, sample type -> object with an optional display-name. */
export function readDisplayNames(field: Buffer | undefined): DisplayNames {
  const names = new Map<string, string>();
  if (!field || field.length === 0) return names;
  let parsed: unknown;
  try {
    parsed = JSON.parse(field.toString());
  } catch (error) {
    throw badInput(`sample_type_config: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw badInput("sample_type_config: not a JSON object");
  for (const [type, config] of Object.entries(parsed)) {
    const name = typeof config === "object" && config !== null ? config["display-name"] : undefined;
    if (typeof name === "string" && name !== "") names.set(type, name);
  }
  return names;
}
