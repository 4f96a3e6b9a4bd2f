import { z } from "zod";
import { duration } from "../../src/component/schema.js";
import { httpClientFields } from "../../src/net/http-client.js";
import { httpServerFields } from "../../src/net/http-config.js";

const debuginfoSchema = z
  .strictObject({
    ...httpClientFields,
    endpoint: z
      .string()
      .refine((text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text), {
        error: "endpoint must be a URL with http:// or https://, such as http://localhost:4040",
      })
      .describe("Base URL of the Pyroscope that takes them: the endpoint of the exporter beside."),
    timeout: duration("2m").describe("Limit of one call or upload; 0 = none."),
  })
  .optional()
  .describe("Where calls and uploads of debug information go; absent = they are answered as unimplemented.");

export const pyroscopeReceiverSchema = z.strictObject({
  endpoint: z
    .string()
    .default("localhost:4040")
    .describe("host:port to listen on, or a socket's path with `transport: unix`."),
  ...httpServerFields,
  include_metadata: z
    .boolean()
    .default(true)
    .describe("Keep the request's headers for later stages; x-scope-orgid, the tenant, is kept in any case."),
  debuginfo: debuginfoSchema,
});

export type PyroscopeReceiverConfig = z.output<typeof pyroscopeReceiverSchema>;
