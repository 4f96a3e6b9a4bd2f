import type { Dispatcher } from "undici";
import { z } from "zod";
import { permanent } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import { duration } from "../component/schema.js";
import { codingOf, compressionFields, encode } from "./compression.js";
import { headerEntries, headersField } from "./headers.js";
import { exchange, type HttpResponse } from "./http-exchange.js";
import { createTlsSource, loadClientTls, type TlsSource } from "./tls.js";
import { tlsClientSchema } from "./tls-config.js";

export { defaultMaxResponseBytes, type HttpResponse } from "./http-exchange.js";

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
  // Exporters ask for one URL again and again.
  let last = { text: "", url: new URL("http://localhost") };

  function urlOf(text: string): URL {
    if (last.text !== text) last = { text, url: resolveUrl(config.endpoint, text) };
    return last.url;
  }

  return {
    async request(request) {
      const url = urlOf(request.url);
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
      const body = parts.length === 0 ? null : parts.length === 1 ? parts[0] : Buffer.concat(parts as Buffer[]);
      const method = request.method as Dispatcher.HttpMethod;
      const { origin, pathname, search } = url;
      const reset = config.disable_keep_alives;
      return exchange(dispatcher, { origin, path: pathname + search, method, headers, body, reset }, request);
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
