import { z } from "zod";
import { duration } from "../component/schema.js";
import { type Coding, hasZstd, serverCodings } from "./compression.js";
import { transportField } from "./grpc-config.js";
import { headersField } from "./headers.js";
import { tlsServerSchema } from "./tls-config.js";

/** Largest request body unless configured otherwise, before and after decompression. */
export const defaultMaxBodyBytes = 64 * 1024 * 1024;

const known: readonly string[] = ["", "none", ...serverCodings];

function codingProblem(value: unknown): string {
  if (value === "zstd" && !hasZstd) return "zstd needs Node 22.15 or later";
  return `unsupported compression type "${String(value)}" (expected one of ${serverCodings.join(", ")})`;
}

const corsSchema = z
  .strictObject({
    allowed_origins: z.array(z.string()).default([]).describe("Origins that may send; * stands for any text."),
    allowed_headers: z.array(z.string()).default([]).describe("Request headers that may be used; * means any."),
    exposed_headers: z.array(z.string()).default([]).describe("Response headers that a page may read."),
    max_age: z.int().min(0).default(0).describe("Seconds for which a browser may keep the answer to its preflight."),
  })
  .optional()
  .describe("Cross-origin requests; absent means none are allowed.");

/** Keys of an HTTP server, to be spread into a component's strict schema (all but `endpoint`, whose default differs). */
export const httpServerFields = {
  transport: transportField,
  tls: tlsServerSchema.optional().describe("TLS; absent means plaintext."),
  cors: corsSchema,
  max_request_body_size: z
    .int()
    .default(defaultMaxBodyBytes)
    .describe("Largest request body in bytes, before and after decompression; 0 or less means the default."),
  compression_algorithms: z
    .array(z.string().refine((value) => known.includes(value), { error: (issue) => codingProblem(issue.input) }))
    .default(["", ...serverCodings.filter((coding) => coding !== "none")])
    .describe('Content-Encodings to accept; "" is none.'),
  include_metadata: z.boolean().default(false).describe("Keep the request's headers for later stages."),
  response_headers: headersField.describe("Headers to add to every answer; values are secrets."),
  read_timeout: duration("0s").describe("Longest time for a whole request to arrive; 0 means 5m."),
  read_header_timeout: duration("0s").describe("Longest time for a request's headers; 0 means 1m."),
  write_timeout: duration("0s").describe(
    "Longest time from the headers' arrival to the end of the answer; 0 means none.",
  ),
  idle_timeout: duration("0s").describe("A connection without requests is closed after this time; 0 means 1m."),
  keep_alives_enabled: z.boolean().default(true).describe("Serve several requests on one connection."),
};

const httpServerObject = z.strictObject({ endpoint: z.string(), ...httpServerFields });
export type HttpServerConfig = z.output<typeof httpServerObject>;

/** The codings that a config allows. */
export function allowedCodings(config: Pick<HttpServerConfig, "compression_algorithms">): readonly Coding[] {
  return config.compression_algorithms.map((name) => (name === "" ? "none" : name) as Coding);
}
