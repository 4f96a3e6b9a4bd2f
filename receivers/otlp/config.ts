import { z } from "zod";
import { grpcServerFields } from "../../src/net/grpc-config.js";
import { httpServerFields } from "../../src/net/http-config.js";

const grpcSchema = z
  .strictObject({
    endpoint: z
      .string()
      .default("localhost:4317")
      .describe("host:port to listen on, or a socket's path with `transport: unix`."),
    ...grpcServerFields,
  })
  .optional()
  .describe("OTLP over gRPC; an empty block turns it on with the defaults.");

/** The Collector's path of another signal, which this collector doesn't serve. */
const otherPath = (fallback: string) =>
  z
    .string()
    .default(fallback)
    .describe("Accepted for compatibility: only profiles are received, at /v1development/profiles.");

const httpSchema = z
  .strictObject({
    endpoint: z
      .string()
      .default("localhost:4318")
      .describe("host:port to listen on, or a socket's path with `transport: unix`."),
    ...httpServerFields,
    traces_url_path: otherPath("/v1/traces"),
    metrics_url_path: otherPath("/v1/metrics"),
    logs_url_path: otherPath("/v1/logs"),
  })
  .optional()
  .describe("OTLP over HTTP; an empty block turns it on with the defaults.");

export const otlpReceiverSchema = z.strictObject({
  protocols: z
    .strictObject({ grpc: grpcSchema, http: httpSchema })
    .prefault({})
    .describe("What to listen for; at least one.")
    .superRefine((protocols, ctx) => {
      if (protocols.grpc || protocols.http) return;
      ctx.addIssue({ code: "custom", message: "must specify at least one protocol when using the OTLP receiver" });
    }),
  max_in_flight_bytes: z
    .int()
    .min(1)
    .default(256 * 1024 * 1024)
    .describe(
      "Requests being worked on hold this many bytes at most; more are answered RESOURCE_EXHAUSTED / 429 with a delay.",
    ),
});

export type OtlpReceiverConfig = z.output<typeof otlpReceiverSchema>;
