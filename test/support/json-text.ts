import type { JsonValue } from "../../src/cli/json-value.js";

/** The JSON text of a value, its scalars as they were written. */
export function formatJsonValue(value: JsonValue): string {
  if (value.kind === "list") return `[${value.items.map(formatJsonValue).join(",")}]`;
  if (value.kind === "map") {
    return `{${value.entries.map(([key, member]) => `${JSON.stringify(key)}:${formatJsonValue(member)}`).join(",")}}`;
  }
  return value.type === "string" ? JSON.stringify(value.text) : value.text;
}
