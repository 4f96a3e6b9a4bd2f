import { z } from "zod";
import { duration, secret } from "../../src/component/schema.js";
import { queueField, retryField, timeoutField } from "../../src/delivery/config.js";
import { httpClientFields } from "../../src/net/http-client.js";

const tenantSchema = z
  .strictObject({
    value: z.string().default("").describe("The tenant of all profiles; beside `from_metadata`, of those without one."),
    from_metadata: z
      .string()
      .default("")
      .describe("Client metadata key that holds the tenant, such as x-scope-orgid (receivers need include_metadata)."),
  })
  .refine(
    ({ value, from_metadata }) => value !== "" || from_metadata !== "",
    "`tenant` needs `value` or `from_metadata`",
  )
  .optional()
  .describe("Sent as X-Scope-OrgID; absent = no header.");

const basicAuthSchema = z
  .strictObject({
    username: z.string().describe("User; the stack's id on Grafana Cloud."),
    password: secret().describe("Password or token."),
  })
  .optional()
  .describe("HTTP basic authentication.");

export const pyroscopeSchema = z
  .strictObject({
    ...httpClientFields,
    endpoint: z.string().default("").describe("Base URL of Pyroscope, such as http://localhost:4040. Required."),
    compression: z
      .enum(["gzip", "none", ""])
      .default("gzip")
      .describe("How the pprof inside a request is compressed: gzip, none. The request around it is not."),
    compression_params: z
      .strictObject({
        level: z.int().min(-1).max(9).default(1).describe("gzip level; higher is smaller and slower."),
      })
      .prefault({})
      .describe("Parameters of the compression."),
    timeout: timeoutField("10s").describe("Limit of one push (one series); 0 = none."),
    tenant: tenantSchema,
    basic_auth: basicAuthSchema,
    bearer_token: secret().default("").describe("Sent as Authorization: Bearer."),
    sample_labels: z
      .array(z.string())
      .default([])
      .describe('Sample attributes that become labels (each combination is a series in Pyroscope); "*" = all.'),
    unnamed_frames: z
      .enum(["name", "keep"])
      .default("name")
      .describe(
        "`name` = frames without a function appear as binary+0xaddr; `keep` = left to Pyroscope's own symbolizer.",
      ),
    max_concurrency: z.int().min(1).default(16).describe("Pushes under way at the same time."),
    drop_older_than: duration("0s")
      .refine((ms) => ms >= 0, "'drop_older_than' must be non-negative")
      .describe("Profiles that began longer ago are dropped and counted instead of being refused; 0 = never."),
    retry_on_failure: retryField(),
    sending_queue: queueField({ enabledByDefault: true }),
  })
  .superRefine((config, ctx) => {
    const message = endpointFault(config.endpoint);
    if (message !== undefined) ctx.addIssue({ code: "custom", path: ["endpoint"], message });
    if (config.basic_auth && config.bearer_token !== "") {
      ctx.addIssue({
        code: "custom",
        path: ["bearer_token"],
        message: "`basic_auth` and `bearer_token` exclude each other",
      });
    }
  });

export type PyroscopeConfig = z.output<typeof pyroscopeSchema>;

function endpointFault(endpoint: string): string | undefined {
  if (endpoint === "") return "endpoint must be specified: the base URL of Pyroscope, such as http://localhost:4040";
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || (url.protocol !== "http:" && url.protocol !== "https:") || url.host === "") {
    return `endpoint must be a URL with http:// or https://, such as http://localhost:4040 (got "${endpoint}")`;
  }
  if (url.search !== "" || url.hash !== "") return "endpoint must not have a query or a fragment";
  return undefined;
}
