import { z } from "zod";
import { secret } from "../component/schema.js";

const pair = z.strictObject({
  name: z.string().min(1).describe("Header name."),
  value: secret().describe("Header value."),
});

/** Headers of a configuration: a map, or a list of {name, value}. Values are secrets. */
export const headersField = z.union([z.record(z.string(), secret()), z.array(pair)]).default({});

export type HeadersConfig = z.output<typeof headersField>;

/** In the order given, as they are written. */
export function headerPairs(headers: HeadersConfig): (readonly [name: string, value: string])[] {
  return Array.isArray(headers) ? headers.map((h) => [h.name, h.value] as const) : Object.entries(headers);
}

/** Names in lower case, in the order given; a name given twice keeps its last value. */
export function headerEntries(headers: HeadersConfig): [name: string, value: string][] {
  return [...new Map(headerPairs(headers).map(([name, value]) => [name.toLowerCase(), value])).entries()];
}
