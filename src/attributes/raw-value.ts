import { type AnyValue, emptyValue, intValue, type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";

/** The Collector's names for what a configuration value is. */
export function rawTypeName(raw: unknown): string {
  if (raw === null || raw === undefined) return "nil";
  if (typeof raw === "bigint") return raw >= 2n ** 63n ? "uint64" : "int";
  if (typeof raw === "number") return "float64";
  if (typeof raw === "boolean") return "bool";
  if (typeof raw === "string") return "string";
  return Array.isArray(raw) ? "[]interface {}" : "map[string]interface {}";
}

/**
 * A value of a configuration file as an attribute value, typed as it was written: integers are bigint (those past int64
 * wrap), floats are number. null is the empty value.
 */
export function rawToValue(raw: unknown): AnyValue {
  if (raw === null || raw === undefined) return emptyValue;
  if (typeof raw === "bigint") return intValue(BigInt.asIntN(64, raw));
  if (typeof raw === "number") return { type: "double", value: raw };
  if (typeof raw === "boolean") return { type: "bool", value: raw };
  if (typeof raw === "string") return stringValue(raw);
  if (Array.isArray(raw)) return { type: "array", value: raw.map(rawToValue) };
  const entries: KeyValue[] = [];
  for (const [key, value] of Object.entries(raw)) entries.push(keyValue(key, rawToValue(value)));
  return { type: "map", value: entries };
}
