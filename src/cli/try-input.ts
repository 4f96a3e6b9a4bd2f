import type { JsonMap, JsonValue } from "./json-value.js";

/** A member of a request line; of several with the same name the last one counts. Throws if there is none. */
export function memberOf(request: JsonValue, name: string): JsonValue {
  const member = optionalMemberOf(request, name);
  if (member === undefined) throw new Error(`the line has no ${JSON.stringify(name)}`);
  return member;
}

export function optionalMemberOf(request: JsonValue, name: string): JsonValue | undefined {
  if (request.kind !== "map") throw new Error("the line must be a JSON object");
  return (request as JsonMap).entries.findLast(([key]) => key === name)?.[1];
}

/** Plain values, as src/config makes them: integers bigint, floats number, maps objects of own keys. Refuses a key that stands twice. */
export function plainFromJson(json: JsonValue): unknown {
  if (json.kind === "scalar") return json.value;
  if (json.kind === "list") return json.items.map(plainFromJson);
  const plain = {};
  for (const [key, value] of json.entries) {
    if (Object.hasOwn(plain, key)) throw new Error(`mapping key ${JSON.stringify(key)} already defined`);
    Object.defineProperty(plain, key, { value: plainFromJson(value), enumerable: true, configurable: true });
  }
  return plain;
}

/** The list itself, or the one that stands under one of `names` where the file is a map. */
export function sectionOf(file: unknown, names: readonly string[]): unknown {
  if (file === null || typeof file !== "object" || Array.isArray(file)) return file;
  for (const name of names) if (Object.hasOwn(file, name)) return (file as Record<string, unknown>)[name];
  throw new Error(
    `the file must be a list, or have one under ${names.map((name) => JSON.stringify(name)).join(" or ")}`,
  );
}
