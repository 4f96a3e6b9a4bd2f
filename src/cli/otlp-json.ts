import { type AnyValue, emptyValue, intValue, type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { JsonValue } from "./json-value.js";

/** Attribute lists as OTLP/JSON writes them: [{"key": "k", "value": {"intValue": "7"}}, …]. */
export function parseOtlpAttributes(json: JsonValue): KeyValue[] {
  if (json.kind !== "list") throw new Error("an attribute list must be a JSON array");
  return json.items.map(parseKeyValue);
}

function parseKeyValue(json: JsonValue): KeyValue {
  if (json.kind !== "map") throw new Error("an attribute must be a JSON object with a key and a value");
  let key = "";
  let value: AnyValue = emptyValue;
  for (const [name, member] of json.entries) {
    if (name === "key") key = textOf(member, "key");
    else if (name === "value") value = parseAnyValue(member);
  }
  return keyValue(key, value);
}

/** Of several members the last one counts; names in snake_case are understood as well. */
function parseAnyValue(json: JsonValue): AnyValue {
  if (isNull(json)) return emptyValue;
  if (json.kind !== "map") throw new Error('a value must be a JSON object such as {"stringValue": "x"}');
  let value: AnyValue = emptyValue;
  for (const [name, member] of json.entries) {
    if (isNull(member)) continue;
    switch (name) {
      case "stringValue":
      case "string_value":
        value = stringValue(textOf(member, name));
        break;
      case "boolValue":
      case "bool_value":
        value = { type: "bool", value: parseBool(member) };
        break;
      case "intValue":
      case "int_value":
        value = intValue(parseInt64(member));
        break;
      case "doubleValue":
      case "double_value":
        value = { type: "double", value: parseDouble(member) };
        break;
      case "bytesValue":
      case "bytes_value":
        value = { type: "bytes", value: Buffer.from(textOf(member, name), "base64") };
        break;
      case "arrayValue":
      case "array_value":
        value = { type: "array", value: valuesOf(member, name).map(parseAnyValue) };
        break;
      case "kvlistValue":
      case "kvlist_value":
        value = { type: "map", value: valuesOf(member, name).map(parseKeyValue) };
        break;
    }
  }
  return value;
}

function isNull(json: JsonValue): boolean {
  return json.kind === "scalar" && json.type === "null";
}

function textOf(json: JsonValue, name: string): string {
  if (json.kind === "scalar" && json.type === "string") return json.text;
  throw new Error(`${name} must be a string`);
}

function parseBool(json: JsonValue): boolean {
  if (json.kind === "scalar" && typeof json.value === "boolean") return json.value;
  throw new Error("boolValue must be true or false");
}

function parseInt64(json: JsonValue): bigint {
  const text = json.kind === "scalar" ? json.text : "";
  if (/^[+-]?[0-9]{1,25}$/.test(text)) {
    const value = BigInt(text.replace(/^\+/, ""));
    if (BigInt.asIntN(64, value) === value) return value;
  }
  throw new Error("intValue must be a 64-bit integer, as a string or a number");
}

function parseDouble(json: JsonValue): number {
  if (json.kind === "scalar" && (json.type === "int" || json.type === "float")) return Number(json.text);
  const text = json.kind === "scalar" ? json.text : "";
  if (text === "NaN" || text === "Infinity" || text === "-Infinity") return Number(text);
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?$/i.test(text)) return Number(text);
  throw new Error('doubleValue must be a number, "NaN", "Infinity" or "-Infinity"');
}

function valuesOf(json: JsonValue, name: string): readonly JsonValue[] {
  if (json.kind === "map") {
    const values = json.entries.find(([key]) => key === "values")?.[1];
    if (values === undefined || isNull(values)) return [];
    if (values.kind === "list") return values.items;
  }
  throw new Error(`${name} must be a JSON object with a list of values`);
}

/** The list as JSON text. */
export function formatOtlpAttributes(attributes: readonly KeyValue[]): string {
  return `[${attributes.map(formatKeyValue).join(",")}]`;
}

function formatKeyValue(attribute: KeyValue): string {
  return `{"key":${JSON.stringify(attribute.key)},"value":${formatAnyValue(attribute.value)}}`;
}

function formatAnyValue(value: AnyValue): string {
  switch (value.type) {
    case "string":
      return `{"stringValue":${JSON.stringify(value.value)}}`;
    case "bool":
      return `{"boolValue":${value.value}}`;
    case "int":
      return `{"intValue":"${value.value}"}`;
    case "double":
      return `{"doubleValue":${formatDouble(value.value)}}`;
    case "bytes":
      return `{"bytesValue":"${Buffer.from(value.value).toString("base64")}"}`;
    case "array":
      return `{"arrayValue":${formatValues(value.value.map(formatAnyValue))}}`;
    case "map":
      return `{"kvlistValue":${formatValues(value.value.map(formatKeyValue))}}`;
    case "empty":
      return "{}";
  }
}

function formatValues(items: readonly string[]): string {
  return items.length === 0 ? "{}" : `{"values":[${items.join(",")}]}`;
}

function formatDouble(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  return Object.is(value, -0) ? "-0" : String(value);
}
