import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Settings } from "../component/factory.js";
import { type ByteBudget, createByteBudget } from "./byte-budget.js";
import { parseHostPort, removeStaleSocket, resolveListen } from "./endpoint.js";
import { headerPairs } from "./headers.js";
import { allowedCodings, defaultMaxBodyBytes, type HttpServerConfig } from "./http-config.js";
import { isHttp1 } from "./http-context.js";
import { createCors } from "./http-cors.js";
import type { HttpRoute, HttpServerRequest, HttpServerResponse } from "./http-route.js";
import { Serving, send } from "./http-serving.js";
import { addHttp2, bothVersions, type Http2Side } from "./http-versions.js";
import { loadServerTls, watchServerTls } from "./tls.js";

export type { HttpRoute, HttpServerRequest, HttpServerResponse } from "./http-route.js";

export interface HttpServer {
  /** Opens the port; resolves with it (0 for a unix socket). */
  start(): Promise<number>;
  /** Refuses new connections, lets requests under way finish, and cuts them off after `graceMs`. Idempotent. */
  shutdown(graceMs: number): Promise<void>;
}

export interface HttpServerParts {
  config: HttpServerConfig;
  settings: Pick<Settings, "log">;
  routes: readonly HttpRoute[];
  /** Shared bound on bytes being worked on; a server without one takes what fits `max_request_body_size` four times. */
  budget?: ByteBudget;
  /** Speak HTTP/2 on the same port, in plaintext too. */
  http2?: boolean;
}

const defaultHeadersMs = 60_000;
const defaultReadMs = 300_000;

/** No side effects until `start`. */
export function createHttpServer(parts: HttpServerParts): HttpServer {
  const { config, settings } = parts;
  const serve = createListener(parts);
  let server: Server | TlsServer | undefined;
  let stopWatching = () => {};
  let stopped: Promise<void> | undefined;
  let http2: Http2Side | undefined;
  const sockets = new Set<Socket>();

  return {
    async start() {
      const listening = config.tls
        ? createTlsServer({ ...serverOptions(config), ...loadServerTls(config.tls), ...alpn(parts.http2) }, serve)
        : createServer(serverOptions(config), serve);
      server = listening;
      listening.setTimeout(0);
      listening.keepAliveTimeout = config.idle_timeout || 60_000;
      listening.on("clientError", refuseMalformed);
      // Who asks before it sends a body is told no at once, where the headers are enough for that.
      listening.on("checkContinue", serve);
      if (parts.http2) {
        http2 = addHttp2(listening, serve, {
          headersMs: config.read_header_timeout || defaultHeadersMs,
          readMs: config.read_timeout || defaultReadMs,
          idleMs: config.idle_timeout || 60_000,
        });
      }
      if (config.tls) {
        stopWatching = watchServerTls(config.tls, settings.log, (options) =>
          (listening as TlsServer).setSecureContext(options),
        );
      }
      trackSockets(listening, sockets);
      return listen(listening, config);
    },
    shutdown(graceMs) {
      stopWatching();
      stopped ??= server ? stop(server, sockets, http2, graceMs) : Promise.resolve();
      return stopped;
    },
  };
}

function serverOptions(config: HttpServerConfig): ServerOptions {
  const wholeMs = config.read_timeout || defaultReadMs;
  return {
    requestTimeout: wholeMs,
    headersTimeout: Math.min(config.read_header_timeout || defaultHeadersMs, wholeMs),
    connectionsCheckingInterval: Math.min(5000, wholeMs, config.read_header_timeout || 5000),
    keepAlive: config.keep_alives_enabled,
    maxHeaderSize: 64 * 1024,
    noDelay: true,
  };
}

async function listen(server: Server | TlsServer, config: HttpServerConfig): Promise<number> {
  const at = await listenAddress(config);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const address = server.address() as AddressInfo | string | null;
  return typeof address === "object" && address ? address.port : 0;
}

async function listenAddress(config: HttpServerConfig): Promise<{ path: string } | { host: string; port: number }> {
  if (config.transport === "unix") {
    await removeStaleSocket(config.endpoint);
    return { path: config.endpoint };
  }
  const parsed = parseHostPort(config.endpoint);
  if (typeof parsed === "string") throw new Error(parsed);
  return { host: await resolveListen(parsed.host), port: parsed.port };
}

function alpn(http2: boolean | undefined): { ALPNProtocols?: string[] } {
  return http2 ? { ALPNProtocols: [...bothVersions] } : {};
}

/** Node's own list has only the connections on which it reads HTTP/1.1. */
function trackSockets(server: Server | TlsServer, sockets: Set<Socket>): void {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
}

function stop(
  server: Server | TlsServer,
  sockets: ReadonlySet<Socket>,
  http2: Http2Side | undefined,
  graceMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
    http2?.close();
  });
}

/** Answers what Node's parser refuses; a connection that is gone already gets nothing. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: import("node:stream").Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const late = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
  const status = late
    ? "408 Request Timeout"
    : error.code === "HPE_HEADER_OVERFLOW"
      ? "431 Request Header Fields Too Large"
      : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function createListener({ config, routes, budget }: HttpServerParts): RequestListener {
  const byPath = new Map(routes.filter((route) => !route.prefix).map((route) => [route.path, route]));
  const byPrefix = routes.filter((route) => route.prefix);
  const maxBytes = config.max_request_body_size > 0 ? config.max_request_body_size : defaultMaxBodyBytes;
  const bytes = budget ?? createByteBudget(4 * maxBytes);
  const codings = allowedCodings(config);
  const cors = createCors(config.cors);
  const ownHeaders = headerPairs(config.response_headers);
  const limits = { maxBytes, codings, budget: bytes, includeMetadata: config.include_metadata };

  return (message, response) => {
    if (config.write_timeout > 0) response.setTimeout(config.write_timeout, () => message.socket.destroy());
    if (!config.keep_alives_enabled && isHttp1(message)) response.setHeader("connection", "close");
    for (const [name, value] of ownHeaders) response.setHeader(name, value);
    if (cors) {
      const preflight = cors.preflight(message.method ?? "", message.headers);
      if (preflight) return send(message, response, { status: 204, headers: preflight });
      for (const [name, value] of Object.entries(cors.headersFor(message.headers) ?? {}))
        if (value !== undefined) response.setHeader(name, value);
    }
    const request = readRequest(message);
    const route = byPath.get(request.path) ?? byPrefix.find(({ path }) => request.path.startsWith(path));
    const early = route ? refuseEarly(route, request) : notFound;
    if (early || !route) return send(message, response, early ?? notFound);
    new Serving(route, request, message, response, limits).begin();
  };
}

const notFound: HttpServerResponse = {
  status: 404,
  headers: { "content-type": "text/plain" },
  body: Buffer.from("404 page not found\n"),
};

const noQuery = new URLSearchParams();

function readRequest(message: IncomingMessage): HttpServerRequest {
  const url = targetOf(message);
  const mark = url.indexOf("?");
  return {
    method: message.method ?? "",
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? noQuery : new URLSearchParams(url.slice(mark + 1)),
    headers: message.headers,
  };
}

/** The path and query. Who takes the server for a proxy sends the whole URL. */
function targetOf({ url = "/" }: IncomingMessage): string {
  if (url.startsWith("/")) return url;
  return /^https?:\/\/[^/?]*(\/.*)$/i.exec(url)?.[1] ?? url;
}

function refuseEarly(route: HttpRoute, request: HttpServerRequest): HttpServerResponse | undefined {
  if (route.methods.includes(request.method)) return route.check?.(request);
  return {
    status: 405,
    headers: { "content-type": "text/plain", allow: route.methods.join(", ") },
    body: Buffer.from(`405 method not allowed, supported: [${route.methods.join(" ")}]`),
  };
}
