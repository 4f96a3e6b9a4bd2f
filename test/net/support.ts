import { join } from "node:path";
import { z } from "zod";
import { PipelineError } from "../../src/component/errors.js";
import { createGrpcClient, type GrpcClient } from "../../src/net/grpc-client.js";
import { type GrpcServerConfig, grpcClientFields, grpcServerFields } from "../../src/net/grpc-config.js";
import { createGrpcServer, type UnaryHandler } from "../../src/net/grpc-server.js";
import { createHttpClient, type HttpClient, httpClientFields } from "../../src/net/http-client.js";
import { type HttpServerConfig, httpServerFields } from "../../src/net/http-config.js";
import type { Fields, Logger } from "../../src/telemetry/log.js";
import { nopLogger } from "../../src/telemetry/log.js";

export const settings = { log: nopLogger, build: { name: "flamepipe", version: "1.2.3" } };

/** Path of a test certificate or key. */
export const tlsFile = (name: string): string => join("test", "fixtures", "tls", name);

/** A logger that keeps its lines as "level message". */
export function recordingLogger(): { log: Logger; lines: string[]; fields: Fields[] } {
  const lines: string[] = [];
  const fields: Fields[] = [];
  const at =
    (level: string) =>
    (message: string, extra: Fields = {}) => {
      lines.push(`${level} ${message}`);
      fields.push(extra);
    };
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), with: () => log };
  return { log, lines, fields };
}

/** The PipelineError that a promise rejects with; fails the test if it resolves or is another error. */
export async function rejection(promise: Promise<unknown>): Promise<PipelineError> {
  const caught = await promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  if (caught instanceof PipelineError) return caught;
  throw caught instanceof Error ? caught : new Error(`expected a PipelineError, got ${String(caught)}`);
}

const grpcServerSchema = z.strictObject({ endpoint: z.string().default("127.0.0.1:0"), ...grpcServerFields });
const grpcClientSchema = z.strictObject(grpcClientFields);
const httpServerSchema = z.strictObject({ endpoint: z.string().default("127.0.0.1:0"), ...httpServerFields });
const httpClientSchema = z.strictObject(httpClientFields);

export const grpcServerConfig = (input: object = {}): GrpcServerConfig => grpcServerSchema.parse(input);
export const httpServerConfig = (input: object = {}): HttpServerConfig => httpServerSchema.parse(input);

export const path = "/test.Service/Method";

/** A started gRPC server with one method; `close` ends it. */
export async function startGrpcServer(
  handler: UnaryHandler,
  input: object = {},
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createGrpcServer(grpcServerConfig(input), settings);
  server.addUnary(path, handler);
  const port = await server.start();
  return { port, close: () => server.shutdown(100) };
}

/** A gRPC client to a port of this machine, without TLS or compression unless `input` says so. */
export function grpcClient(port: number, input: object = {}, log: Logger = nopLogger): GrpcClient {
  const config = grpcClientSchema.parse({
    endpoint: `127.0.0.1:${port}`,
    tls: { insecure: true },
    compression: "none",
    ...input,
  });
  return createGrpcClient(config, { ...settings, log });
}

export function httpClient(endpoint: string, input: object = {}): HttpClient {
  return createHttpClient(httpClientSchema.parse({ endpoint, ...input }), settings);
}
