import { z } from "zod";
import { queueField, retryField, timeoutField } from "../../src/delivery/config.js";
import { checkCompression } from "../../src/net/compression.js";
import { httpClientFields } from "../../src/net/http-client.js";

const otherSignal = (signal: string) =>
  z.string().default("").describe(`Accepted for compatibility; no ${signal} are sent.`);

const signalPath = "/v1development/profiles";

export const otlpHttpSchema = z
  .strictObject({
    ...httpClientFields,
    endpoint: z.string().default("").describe(`Base URL of the server; profiles go to its ${signalPath}.`),
    profiles_endpoint: z.string().default("").describe("URL for profiles, used as it is."),
    traces_endpoint: otherSignal("traces"),
    metrics_endpoint: otherSignal("metrics"),
    logs_endpoint: otherSignal("logs"),
    encoding: z
      .string()
      .refine((value) => value === "proto" || value === "json", {
        error: (issue) => `invalid encoding type: ${String(issue.input)} (expected proto or json)`,
      })
      .default("proto")
      .describe("proto or json."),
    timeout: timeoutField("30s"),
    retry_on_failure: retryField(),
    sending_queue: queueField({ enabledByDefault: true }),
  })
  .superRefine((config, ctx) => {
    checkCompression(config, ctx);
    const others = config.traces_endpoint || config.metrics_endpoint || config.logs_endpoint;
    if (!config.endpoint && !config.profiles_endpoint) {
      const message = others
        ? "either endpoint or profiles_endpoint must be specified"
        : "at least one endpoint must be specified";
      ctx.addIssue({ code: "custom", message, path: ["endpoint"] });
    }
    for (const key of ["endpoint", "profiles_endpoint"] as const) {
      if (config[key] && !isHttpUrl(config[key])) {
        ctx.addIssue({
          code: "custom",
          message: `${key} must be a valid URL with http:// or https:// in front`,
          path: [key],
        });
      }
    }
  });

export type OtlpHttpConfig = z.output<typeof otlpHttpSchema>;

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

/** Where profiles go: `profiles_endpoint` as it is, else below `endpoint` without a doubled slash. */
export function profilesUrl(config: Pick<OtlpHttpConfig, "endpoint" | "profiles_endpoint">): string {
  return config.profiles_endpoint || config.endpoint.replace(/\/+$/, "") + signalPath;
}
