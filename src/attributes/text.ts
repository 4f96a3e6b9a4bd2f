import type { AnyValue, KeyValue } from "../pdata/any-value.js";

/** A value as text, as the Collector's AsString: strings as they are, bytes in base64, lists and maps as JSON, "" for none. */
export function valueToText(value: AnyValue): string {
  switch (value.type) {
    case "string":
      return value.value;
    case "bool":
    case "int":
      return String(value.value);
    case "double":
      return doubleToText(value.value);
    case "bytes":
      return Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength).toString("base64");
    case "empty":
      return "";
    default:
      // JSON has no NaN and no infinities: a list or map that holds one has no text.
      return toJson(value) ?? "";
  }
}

function doubleToText(number: number): string {
  return Object.is(number, -0) ? "-0" : String(number);
}

function toJson(value: AnyValue): string | undefined {
  switch (value.type) {
    case "array": {
      const items = value.value.map(toJson);
      return items.includes(undefined) ? undefined : `[${items.join(",")}]`;
    }
    case "map":
      return mapToJson(value.value);
    case "double":
      return Number.isFinite(value.value) ? doubleToText(value.value) : undefined;
    case "string":
      return quoteJson(value.value);
    case "bytes":
      return quoteJson(valueToText(value));
    case "empty":
      return "null";
    default:
      return String(value.value);
  }
}

/** Keys in byte order; of keys that occur twice the last one counts. */
function mapToJson(entries: readonly KeyValue[]): string | undefined {
  const last = new Map<string, AnyValue>();
  for (const entry of entries) last.set(entry.key, entry.value);
  const members: string[] = [];
  for (const key of [...last.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const json = toJson(last.get(key) as AnyValue);
    if (json === undefined) return undefined;
    members.push(`${quoteJson(key)}:${json}`);
  }
  return `{${members.join(",")}}`;
}

/** As Go's encoding/json, which escapes what JavaScript took for line ends once. */
function quoteJson(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);
}
