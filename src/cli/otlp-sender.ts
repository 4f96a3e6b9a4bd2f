import { z } from "zod";
import type { Settings } from "../component/factory.js";
import { errorFromHttpStatus } from "../net/status.js";
import { decodeExportResponse, type PartialSuccess } from "../proto/export-response.js";
import { CliError } from "./io.js";
import type { SendOptions } from "./options.js";

const grpcPath = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
const httpPath = "/v1development/profiles";

/** Sends requests to one OTLP endpoint. */
export interface OtlpSender {
  /** Where it sends to, for people. */
  readonly target: string;
  /** Resolves when the request was taken, all of it or but for a part; rejects with a PipelineError. */
  send(body: readonly Buffer[]): Promise<PartialSuccess | undefined>;
  close(): Promise<void>;
}

/** Goes by `--protocol`, else by the endpoint's scheme. Throws CliError where they make no sense. */
export async function createOtlpSender(
  options: SendOptions,
  settings: Pick<Settings, "log" | "build">,
): Promise<OtlpSender> {
  const scheme = /^([a-z]+):\/\//i.exec(options.endpoint)?.[1].toLowerCase();
  if (scheme !== undefined && !["grpc", "grpcs", "http", "https"].includes(scheme)) {
    throw new CliError(`--endpoint: unknown scheme "${scheme}" (grpc, grpcs, http or https)`);
  }
  const protocol = options.protocol ?? (scheme === "http" || scheme === "https" ? "http" : "grpc");
  const address = options.endpoint.replace(/^[a-z]+:\/\//i, "");
  const secure = scheme === "https" || scheme === "grpcs";
  const headers = readHeaders(options.header);
  return protocol === "grpc"
    ? grpcSender(options, settings, address, secure, headers)
    : httpSender(options, settings, `${secure ? "https" : "http"}://${address}`, headers);
}

async function grpcSender(
  options: SendOptions,
  settings: Pick<Settings, "log" | "build">,
  endpoint: string,
  secure: boolean,
  headers: Record<string, string>,
): Promise<OtlpSender> {
  const [{ createGrpcClient }, { checkGrpcClient, grpcClientFields }] = await Promise.all([
    import("../net/grpc-client.js"),
    import("../net/grpc-config.js"),
  ]);
  const config = parse(z.strictObject(grpcClientFields).superRefine(checkGrpcClient), {
    endpoint,
    headers,
    tls: { insecure: !secure, insecure_skip_verify: options.insecureSkipVerify },
    compression: options.gzip ? "gzip" : "none",
  });
  const client = createGrpcClient(config, settings);
  return {
    target: `${secure ? "grpcs" : "grpc"}://${endpoint}`,
    async send(body) {
      return decodeExportResponse(await client.unary({ path: grpcPath, body, timeoutMs: options.timeout }));
    },
    close: () => client.close(),
  };
}

async function httpSender(
  options: SendOptions,
  settings: Pick<Settings, "log" | "build">,
  base: string,
  headers: Record<string, string>,
): Promise<OtlpSender> {
  const { createHttpClient, httpClientFields } = await import("../net/http-client.js");
  const config = parse(z.strictObject(httpClientFields), {
    endpoint: base,
    headers,
    tls: { insecure_skip_verify: options.insecureSkipVerify },
    compression: options.gzip ? "gzip" : "none",
  });
  const hasPath = /^https?:\/\/[^/]+\/./.test(base);
  const url = hasPath ? base : base.replace(/\/$/, "") + httpPath;
  const client = createHttpClient(config, settings);
  return {
    target: url,
    async send(body) {
      const type = { "content-type": "application/x-protobuf" };
      const response = await client.request({ method: "POST", url, headers: type, body, timeoutMs: options.timeout });
      if (response.status === 200) return decodeExportResponse(response.body);
      throw errorFromHttpStatus(response.status, await readReason(response.body), response.headers["retry-after"]);
    },
    close: () => client.close(),
  };
}

/** The message of a google.rpc.Status, or the body as it is where that is no such thing. */
async function readReason(body: Buffer): Promise<string> {
  const { decodeStatus } = await import("../proto/status.js");
  return decodeStatus(body)?.message || body.toString("utf8", 0, 300).trim() || "no reason given";
}

function readHeaders(pairs: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals <= 0) throw new CliError(`--header "${pair}": write name=value`);
    headers[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return headers;
}

function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new CliError(result.error.issues.map((issue) => `--endpoint: ${issue.message}`).join("\n"));
}
