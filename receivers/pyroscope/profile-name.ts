import { badInput } from "../../src/component/errors.js";

/** Names under which a client shows its sample types: `sample_type_config`. */
export type DisplayNames = ReadonlyMap<string, string>;

/** Names that Pyroscope's clients mean where they say nothing. */
const usualNames: DisplayNames = new Map([
  ["samples", "cpu"],
  ["goroutine", "goroutines"],
  ["contentions", "mutex_count"],
  ["delay", "mutex_duration"],
]);

/** What in a display name stands for which profile; the first row that fits wins. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/cpu/, "process_cpu"],
  [/alloc_|inuse_|^space$|^objects$/, "memory"],
  [/mutex_/, "mutex"],
  [/block_/, "block"],
  [/goroutines/, "goroutines"],
];

/**
 * `__name__` of a pprof that came to /ingest: wall where that is among its sample types, else what the first display
 * name that tells stands for, else the last name. "" = there is none.
 */
export function ingestedName(sampleTypes: readonly string[], names: DisplayNames): string {
  if (sampleTypes.includes("wall")) return "wall";
  let last = "";
  for (const type of sampleTypes) {
    last = names.get(type) ?? type;
    const name = rules.find(([pattern]) => pattern.test(last))?.[1];
    if (name !== undefined) return name;
  }
  return last;
}

/**
 * The `sample_type_config` field: JSON, sample type -> object with an optional display-name. Where it is given it stands
 * for the usual names, all of them.
 */
export function readDisplayNames(field: Buffer | undefined): DisplayNames {
  if (!field || field.length === 0) return usualNames;
  let parsed: unknown;
  try {
    parsed = JSON.parse(field.toString());
  } catch (error) {
    throw badInput(`sample_type_config: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
  if (parsed === null) return usualNames;
  if (typeof parsed !== "object" || Array.isArray(parsed)) throw badInput("sample_type_config: not a JSON object");
  const names = new Map<string, string>();
  for (const [type, config] of Object.entries(parsed)) {
    const name = displayName(type, config);
    if (name !== "") names.set(type, name);
  }
  return names;
}

const textKeys = ["display-name", "units", "aggregation"];
const flagKeys = ["cumulative", "sampled"];

function displayName(type: string, config: unknown): string {
  const where = `sample_type_config: ${JSON.stringify(type.slice(0, 100))}`;
  if (config === null) return "";
  if (typeof config !== "object" || Array.isArray(config)) throw badInput(`${where} is not a JSON object`);
  let name = "";
  for (const [spelling, value] of Object.entries(config as object)) {
    // As Go's JSON reads names.
    const key = spelling.toLowerCase();
    const expected = textKeys.includes(key) ? "string" : flagKeys.includes(key) ? "boolean" : undefined;
    if (expected !== undefined && value !== null && typeof value !== expected)
      throw badInput(`${where}: ${key} is no ${expected}`);
    if (key === "display-name" && value !== null) name = value;
  }
  return name;
}
