import { z } from "zod";
import { duration } from "../component/schema.js";
import { checkCompression, compressionFields } from "./compression.js";
import { type Address, parseHostPort } from "./endpoint.js";
import { headersField } from "./headers.js";
import { tlsClientSchema, tlsServerSchema } from "./tls-config.js";

const maxMib = 2047;

export const transportField = z
  .string()
  .refine((value) => ["tcp", "tcp4", "tcp6", "unix"].includes(value), {
    error: (issue) => `invalid transport type "${String(issue.input)}"`,
  })
  .default("tcp")
  .describe("tcp, or unix (endpoint is then a socket's path).");

const bufferField = (key: string, fallback: number) =>
  z
    .int()
    .refine((value) => value >= 0, { error: (issue) => `invalid ${key} value: ${String(issue.input)}` })
    .default(fallback)
    .describe("Accepted for compatibility; Node sizes its buffers itself.");

const serverKeepalive = z
  .strictObject({
    server_parameters: z
      .strictObject({
        max_connection_idle: duration("0s").describe(
          "Close a connection without requests after this time; 0 means 30m.",
        ),
        max_connection_age: duration("0s").describe("Close a connection gracefully at this age; 0 means never."),
        max_connection_age_grace: duration("0s").describe("Time for requests under way at that age; 0 means no limit."),
        time: duration("0s").describe("Ping an idle client after this time; 0 means 2h."),
        timeout: duration("0s").describe("Close the connection if a ping is not answered in this time; 0 means 20s."),
      })
      .prefault({})
      .describe("How the server looks after its connections."),
    enforcement_policy: z
      .strictObject({
        min_time: duration("5m").describe("Accepted for compatibility; clients that ping too often are not shut out."),
        permit_without_stream: z.boolean().default(false).describe("Accepted for compatibility."),
      })
      .prefault({})
      .describe("What clients may do."),
  })
  .prefault({})
  .describe("Connection keepalive.");

/** Keys of a gRPC server. */
export const grpcServerFields = {
  transport: transportField,
  tls: tlsServerSchema.optional().describe("TLS; absent means plaintext."),
  max_recv_msg_size_mib: z
    .int()
    .refine((value) => value >= 0 && value <= maxMib, {
      error: `invalid max_recv_msg_size_mib value, must be between 1 and ${maxMib}`,
    })
    .default(64)
    .describe("Largest request in MiB, before and after decompression; 0 means 64."),
  max_concurrent_streams: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .default(0)
    .describe("Requests at one time on one connection; 0 means 1000."),
  read_buffer_size: bufferField("read_buffer_size", 524_288),
  write_buffer_size: bufferField("write_buffer_size", 0),
  include_metadata: z.boolean().default(false).describe("Keep the request's metadata for later stages."),
  keepalive: serverKeepalive,
};

/** A server with nothing but defaults, where no component configures it. */
export const grpcServerSchema = z.strictObject({ endpoint: z.string(), ...grpcServerFields });
export type GrpcServerConfig = z.output<typeof grpcServerSchema>;

const clientKeepalive = z
  .strictObject({
    time: duration("10s").describe("Ping the server after this time without anything from it."),
    timeout: duration("10s").describe("Close the connection if the ping is not answered in this time."),
    permit_without_stream: z.boolean().default(false).describe("Ping when no request is under way, too."),
  })
  .optional()
  .meta({ description: "Keepalive pings; absent means none.", bare: "absent" });

/** Keys of a gRPC client, to be spread into a component's strict schema and checked by `checkGrpcClient`. */
export const grpcClientFields = {
  endpoint: z
    .string()
    .default("")
    .describe("host:port of the server; also http(s)://host:port, dns:///host:port, unix:///path."),
  tls: tlsClientSchema.prefault({}).describe("TLS of the connection; on unless `insecure` is true."),
  headers: headersField.describe("Headers to add to every request; values are secrets."),
  ...compressionFields("grpc"),
  user_agent: z.string().default("").describe("User-Agent; empty means name and version."),
  balancer_name: z
    .string()
    .refine((value) => ["round_robin", "pick_first", ""].includes(value), {
      error: (issue) => `invalid balancer_name: ${String(issue.input)}`,
    })
    .default("round_robin")
    .describe("Accepted for compatibility; one connection is used."),
  authority: z.string().default("").describe("The :authority to send; empty means the endpoint."),
  wait_for_ready: z
    .boolean()
    .default(false)
    .describe("Wait for a connection instead of failing at once while there is none."),
  keepalive: clientKeepalive,
  read_buffer_size: bufferField("read_buffer_size", 0),
  write_buffer_size: bufferField("write_buffer_size", 524_288),
};

const grpcClientObject = z.strictObject(grpcClientFields);
export type GrpcClientConfig = z.output<typeof grpcClientObject>;

/** Cross-key checks, for `superRefine`. */
export function checkGrpcClient(config: GrpcClientConfig, ctx: z.core.$RefinementCtx): void {
  checkCompression(config, ctx);
  const target = config.endpoint === "" ? 'requires a non-empty "endpoint"' : parseGrpcTarget(config);
  if (typeof target === "string") ctx.addIssue({ code: "custom", message: target, path: ["endpoint"] });
}

/** Where a client connects to, and how. */
export interface GrpcTarget {
  readonly address: Address;
  readonly secure: boolean;
  /** What :authority says. */
  readonly authority: string;
}

/** Reads `endpoint`; a string is an error's text. An http:// prefix does not turn TLS off; https:// forces it on. */
export function parseGrpcTarget(config: Pick<GrpcClientConfig, "endpoint" | "tls" | "authority">): GrpcTarget | string {
  const endpoint = config.endpoint;
  const secure = /^https:\/\//i.test(endpoint) || !config.tls.insecure;
  const unix = /^unix:(?:\/\/)?(.+)$/.exec(endpoint);
  if (unix) return { address: { path: unix[1] }, secure, authority: config.authority || "localhost" };
  const bare = endpoint.replace(/^(?:https?:\/\/|dns:\/\/[^/]*\/)/i, "").replace(/\/$/, "");
  const parsed = parseHostPort(bare);
  if (typeof parsed === "string") return parsed;
  return {
    address: { host: parsed.host || "localhost", port: parsed.port },
    secure,
    authority: config.authority || bare,
  };
}
