import type { Dispatcher } from "undici";
import { z } from "zod";
import { Code, PipelineError, permanent, retryable } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import { duration } from "../component/schema.js";
import { codingOf, compressionFields, encode } from "./compression.js";
import { headerEntries, headersField } from "./headers.js";
import { createTlsSource, loadClientTls, type TlsSource } from "./tls.js";
import { tlsClientSchema } from "./tls-config.js";

/** A backend's answer is cut off here. */
export const defaultMaxResponseBytes = 4 * 1024 * 1024;

/** Keys of a client over HTTP, to be spread into a component's strict schema (all but `timeout`, whose default differs). */
export const httpClientFields = {
  endpoint: z.string().default("").describe("Base URL of the server."),
  tls: tlsClientSchema.prefault({}).describe("TLS of the connection; used for https URLs."),
  headers: headersField,
  ...compressionFields("http"),
  proxy_url: z.string().default("").describe("URL of an HTTP proxy."),
  read_buffer_size: z.int().min(0).default(0).describe("Accepted for compatibility; Node sizes its buffers itself."),
  write_buffer_size: z
    .int()
    .min(0)
    .default(524_288)
    .describe("Accepted for compatibility; Node sizes its buffers itself."),
  max_idle_conns: z
    .int()
    .min(0)
    .default(100)
    .describe("Accepted for compatibility; idle connections end after idle_conn_timeout."),
  max_idle_conns_per_host: z
    .int()
    .min(0)
    .default(0)
    .describe("Accepted for compatibility; idle connections end after idle_conn_timeout."),
  max_conns_per_host: z.int().min(0).default(0).describe("Most connections to one host; 0 means 100."),
  idle_conn_timeout: duration("90s").describe("An idle connection is closed after this time."),
  disable_keep_alives: z.boolean().default(false).describe("Use a connection for one request only."),
  force_attempt_http2: z.boolean().default(true).describe("Accepted for compatibility; requests use HTTP/1.1."),
  http2_read_idle_timeout: duration("0s").describe("Accepted for compatibility."),
  http2_ping_timeout: duration("0s").describe("Accepted for compatibility."),
};

const clientSchema = z.strictObject(httpClientFields);
export type HttpClientConfig = z.output<typeof clientSchema>;

export interface HttpRequest {
  method: string;
  /** Absolute URL, or a path below `endpoint`. */
  url: string;
  /** Names in lower case; they win over the configured ones. With a content-encoding the body is sent as it is. */
  headers?: Readonly<Record<string, string>>;
  body?: Buffer | readonly Buffer[];
  signal?: AbortSignal;
  /** For the whole exchange; 0 or absent = none. */
  timeoutMs?: number;
  /** Most bytes of the answer's body to keep (default 4 MiB); what comes after is not read, and the connection is closed. */
  maxResponseBytes?: number;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case; repeated ones joined with ", ". */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** True if the body was longer than the cap. */
  truncated: boolean;
}

export interface HttpClient {
  /**
   * Resolves with any HTTP answer; redirects are answers too and never followed. Rejects with a retryable PipelineError
   * when there was none: UNAVAILABLE (network), DEADLINE_EXCEEDED (timeout), CANCELLED (signal).
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Ends the connections; requests under way are given up. */
  close(): Promise<void>;
}

type Undici = typeof import("undici");

/** Loaded when the first request is made: it costs 20 MiB that a collector without HTTP clients does not need. */
const loadUndici = (): Promise<Undici> => import("undici");

/** The part of `config` that a client needs; component schemas are built from `httpClientFields`. */
export function createHttpClient(config: HttpClientConfig, settings: Pick<Settings, "log" | "build">): HttpClient {
  const source = createTlsSource(() => loadClientTls(config.tls), config.tls.reload_interval, settings.log);
  const level = config.compression_params.level;
  const coding = codingOf(config.compression);
  const common = Object.fromEntries(headerEntries(config.headers));
  common["user-agent"] ??= `${settings.build.name}/${settings.build.version} (${process.platform}/${process.arch})`;
  let dispatcher: Dispatcher | undefined;

  return {
    async request(request) {
      const url = resolveUrl(config.endpoint, request.url);
      const headers: Record<string, string> = { ...common, ...request.headers };
      let parts = request.body === undefined ? [] : Buffer.isBuffer(request.body) ? [request.body] : request.body;
      if (parts.length > 0 && coding !== "none" && headers["content-encoding"] === undefined) {
        parts = await encode(coding, parts, level);
        headers["content-encoding"] = coding === "zlib" ? "deflate" : coding;
      }
      if (!dispatcher) {
        const undici = await loadUndici();
        dispatcher ??= createDispatcher(undici, config, source);
      }
      return exchange(dispatcher, url, request, headers, parts, config.disable_keep_alives);
    },
    async close() {
      const closing = dispatcher;
      dispatcher = undefined;
      await closing?.destroy();
    },
  };
}

function resolveUrl(endpoint: string, target: string): URL {
  try {
    if (/^https?:\/\//i.test(target)) return new URL(target);
    return new URL(`${endpoint.replace(/\/+$/, "")}/${target.replace(/^\/+/, "")}`);
  } catch {
    throw permanent("the request's URL cannot be parsed", { reason: "bad_url" });
  }
}

function createDispatcher(
  { Agent, buildConnector, ProxyAgent }: Undici,
  config: HttpClientConfig,
  source: TlsSource<ReturnType<typeof loadClientTls>>,
): Dispatcher {
  const shared = {
    connections: config.max_conns_per_host || 100,
    pipelining: config.disable_keep_alives ? 0 : 1,
    keepAliveTimeout: config.idle_conn_timeout || 90_000,
    keepAliveMaxTimeout: config.idle_conn_timeout || 90_000,
    // The caller's timeout bounds the whole exchange; these would only cut it short.
    headersTimeout: 0,
    bodyTimeout: 0,
  };
  if (config.proxy_url) {
    return new ProxyAgent({ ...shared, uri: config.proxy_url, requestTls: source.options() });
  }
  // Built anew whenever the files were read again, so that later connections use fresh certificates.
  let options = source.options();
  let connector = buildConnector({ ...options, timeout: 10_000 });
  return new Agent({
    ...shared,
    connect(target, callback) {
      const fresh = source.options();
      if (fresh !== options) {
        options = fresh;
        connector = buildConnector({ ...options, timeout: 10_000 });
      }
      connector(target, callback);
    },
  });
}

async function exchange(
  dispatcher: Dispatcher,
  url: URL,
  request: HttpRequest,
  headers: Record<string, string>,
  parts: readonly Buffer[],
  once: boolean,
): Promise<HttpResponse> {
  const timeout = request.timeoutMs ? AbortSignal.timeout(Math.ceil(request.timeoutMs)) : undefined;
  const signals = [request.signal, timeout].filter((signal) => signal !== undefined);
  const body = parts.length === 0 ? null : parts.length === 1 ? parts[0] : Buffer.concat(parts as Buffer[]);
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method as Dispatcher.HttpMethod,
      headers,
      body,
      reset: once,
      signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0],
    });
    const maxBytes = request.maxResponseBytes ?? defaultMaxResponseBytes;
    const read = await readCapped(answer.body, maxBytes);
    return { status: answer.statusCode, headers: flatten(answer.headers), body: read.body, truncated: read.truncated };
  } catch (error) {
    throw networkError(error, timeout, request);
  }
}

async function readCapped(
  stream: Dispatcher.ResponseData["body"],
  maxBytes: number,
): Promise<{ body: Buffer; truncated: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const buffer = chunk as Buffer;
    if (size + buffer.length > maxBytes) {
      chunks.push(buffer.subarray(0, maxBytes - size));
      // Leaving the loop destroys the stream and with it the connection.
      return { body: Buffer.concat(chunks), truncated: true };
    }
    chunks.push(buffer);
    size += buffer.length;
  }
  return { body: chunks.length === 1 ? chunks[0] : Buffer.concat(chunks), truncated: false };
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

function networkError(cause: unknown, timeout: AbortSignal | undefined, request: HttpRequest): PipelineError {
  if (cause instanceof PipelineError) return cause;
  if (timeout?.aborted && !request.signal?.aborted) {
    return retryable(`no answer within ${request.timeoutMs} ms`, {
      code: Code.DEADLINE_EXCEEDED,
      reason: "timeout",
      cause,
    });
  }
  if (request.signal?.aborted)
    return retryable("the request was cancelled", { code: Code.CANCELLED, reason: "cancelled", cause });
  const error = cause as NodeJS.ErrnoException;
  if (error.code === "UND_ERR_INVALID_ARG") {
    return permanent(`the request cannot be sent: ${error.message}`, { reason: "bad_request", cause });
  }
  const code = error.code ?? (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return retryable(`cannot reach the server: ${error.message || code || "unknown error"}`, {
    reason: "network",
    cause,
  });
}
