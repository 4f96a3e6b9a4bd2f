import { z } from "zod";
import { secret } from "../component/schema.js";

const pair = z.strictObject({
  name: z.string().min(1).describe("Header name."),
  value: secret().describe("Header value."),
});

/** `headers:` of a client: a map, or a list of {name, value}. Values are secrets. */
export const headersField = z
  .union([z.record(z.string(), secret()), z.array(pair)])
  .default({})
  .describe("Headers to add to every request; values are secrets.");

export type HeadersConfig = z.output<typeof headersField>;

/** Names in lower case, in the order given; a name given twice keeps its last value. */
export function headerEntries(headers: HeadersConfig): [name: string, value: string][] {
  const pairs = Array.isArray(headers) ? headers.map((h) => [h.name, h.value] as const) : Object.entries(headers);
  return [...new Map(pairs.map(([name, value]) => [name.toLowerCase(), value])).entries()];
}
