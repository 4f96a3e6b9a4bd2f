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
  headers: headersField.describe("Headers to add to every request; values are secrets."),
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
  /**
   * Names in lower case; they win over the configured ones. With a content-encoding the body is sent as it is. Not to be
   * changed afterwards: who sends the same object again saves the work of reading it.
   */
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

type Index = typeof import("undici");
type Undici = Pick<Index, "Agent" | "buildConnector"> & Partial<Pick<Index, "ProxyAgent">>;

/**
 * Loaded when the first request is made: it costs 10 MiB that a collector without HTTP clients does not need. The index,
 * which only proxies need, loads fetch, WebSocket, caches and mocks as well, for twice that and three times the CPU.
 */
async function loadUndici(needsIndex: boolean): Promise<Undici> {
  if (needsIndex) return import("undici");
  const [agent, connect] = await Promise.all([
    import("undici/lib/dispatcher/agent.js"),
    import("undici/lib/core/connect.js"),
  ]);
  return { Agent: agent.default, buildConnector: connect.default };
}

/** The headers of a request as undici takes them fastest: names and values in turn. */
interface HeaderList {
  readonly given: HttpRequest["headers"];
  readonly list: readonly string[];
  readonly isEncoded: boolean;
}

/** The part of `config` that a client needs; component schemas are built from `httpClientFields`. */
export function createHttpClient(config: HttpClientConfig, settings: Pick<Settings, "log" | "build">): HttpClient {
  const source = createTlsSource(() => loadClientTls(config.tls), config.tls.reload_interval, settings.log);
  const level = config.compression_params.level;
  const coding = codingOf(config.compression);
  const common = Object.fromEntries(headerEntries(config.headers));
  common["user-agent"] ??= `${settings.build.name}/${settings.build.version} (${process.platform}/${process.arch})`;
  let dispatcher: Dispatcher | undefined;
  // Exporters ask for one URL again and again, and some with one object of headers.
  let target = { text: "", origin: "", path: "" };
  let headers = listHeaders(common, undefined);

  function targetOf(text: string): { readonly origin: string; readonly path: string } {
    if (target.text !== text) {
      const { origin, pathname, search } = resolveUrl(config.endpoint, text);
      target = { text, origin, path: pathname + search };
    }
    return target;
  }

  function headersOf({ headers: given }: HttpRequest): HeaderList {
    if (headers.given !== given) headers = listHeaders(common, given);
    return headers;
  }

  function send(to: Dispatcher, request: HttpRequest, body: Buffer | null, list: readonly string[]) {
    const { origin, path } = targetOf(request.url);
    const method = request.method as Dispatcher.HttpMethod;
    const reset = config.disable_keep_alives;
    return exchange(to, { origin, path, method, headers: list as string[], body, reset }, request);
  }

  /** Whatever has to be waited for before a request goes out. */
  async function prepareAndSend(request: HttpRequest, parts: readonly Buffer[]): Promise<HttpResponse> {
    let { list, isEncoded } = headersOf(request);
    if (parts.length > 0 && coding !== "none" && !isEncoded) {
      parts = await encode(coding, parts, level);
      list = [...list, "content-encoding", coding === "zlib" ? "deflate" : coding];
    }
    if (!dispatcher) {
      const undici = await loadUndici(config.proxy_url !== "");
      dispatcher ??= createDispatcher(undici, config, source);
    }
    return send(dispatcher, request, joined(parts), list);
  }

  function begin(request: HttpRequest): Promise<HttpResponse> {
    const { body, url } = request;
    const { list, isEncoded } = headersOf(request);
    targetOf(url);
    if (dispatcher && (body === undefined || coding === "none" || isEncoded)) {
      return send(dispatcher, request, Buffer.isBuffer(body) ? body : joined(body ?? []), list);
    }
    return prepareAndSend(request, body === undefined ? [] : Buffer.isBuffer(body) ? [body] : body);
  }

  return {
    request(request) {
      try {
        return begin(request);
      } catch (error) {
        return Promise.reject(error);
      }
    },
    async close() {
      const closing = dispatcher;
      dispatcher = undefined;
      await closing?.destroy();
    },
  };
}

function listHeaders(common: Readonly<Record<string, string>>, given: HttpRequest["headers"]): HeaderList {
  const all: Record<string, string> = { ...common, ...given };
  return { given, list: Object.entries(all).flat(), isEncoded: all["content-encoding"] !== undefined };
}

function joined(parts: readonly Buffer[]): Buffer | null {
  if (parts.length < 2) return parts[0] ?? null;
  return Buffer.concat(parts as Buffer[]);
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
  if (ProxyAgent) {
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
