import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type PipelineError, retryable } from "../component/errors.js";
import type { Logger } from "../telemetry/log.js";
import { formatHostPort } from "./endpoint.js";
import type { GrpcClientConfig, GrpcTarget } from "./grpc-config.js";
import { noteSession } from "./http2-release.js";
import type { ClientTlsOptions, TlsSource } from "./tls.js";

/** gRPC's connection back-off. */
const backoff = { firstMs: 1000, factor: 1.6, jitter: 0.2, maxMs: 120_000 };
const connectTimeoutMs = 20_000;

/** One HTTP/2 session to one address: made when first needed, made again after it broke, no sooner than the back-off allows. */
export interface GrpcConnection {
  /**
   * A session that takes requests. Waits for one that is being made; while the back-off runs it rejects at once with
   * UNAVAILABLE, or waits too if `waitForReady`. `signal` ends the wait.
   */
  session(waitForReady: boolean, signal: AbortSignal | undefined): Promise<ClientHttp2Session>;
  /** The session if it is ready now: saves a promise on the hot path. */
  ready(): ClientHttp2Session | undefined;
  /** Asks the other end for a sign of life and gives the session up if none comes. For callers that waited in vain. */
  probe(session: ClientHttp2Session): void;
  /** Something came from the other end. */
  touch(): void;
  close(): Promise<void>;
}

export interface ConnectionParts {
  target: GrpcTarget;
  config: Pick<GrpcClientConfig, "keepalive">;
  tls: TlsSource<ClientTlsOptions>;
  log: Logger;
}

/** No side effects until the first `session`. */
export function createGrpcConnection({ target, config, tls, log }: ConnectionParts): GrpcConnection {
  let current: ClientHttp2Session | undefined;
  let connecting: Promise<ClientHttp2Session> | undefined;
  let dialing: ClientHttp2Session | undefined;
  let lastError: PipelineError | undefined;
  let failures = 0;
  let retryAtMs = 0;
  let lastHeardMs = 0;
  let closed = false;
  const closing = new AbortController();

  function failed(cause: Error): PipelineError {
    failures++;
    const base = Math.min(backoff.firstMs * backoff.factor ** (failures - 1), backoff.maxMs);
    retryAtMs = performance.now() + base * (1 + backoff.jitter * (Math.random() * 2 - 1));
    const code = (cause as NodeJS.ErrnoException).code;
    lastError = retryable(`cannot connect to ${addressText(target)}: ${cause.message || code || "unknown error"}`, {
      reason: "network",
      cause,
    });
    if (failures === 1)
      log.warn("Cannot connect to the server; trying again with growing pauses", {
        endpoint: addressText(target),
        error: cause.message || code,
      });
    return lastError;
  }

  function adopt(session: ClientHttp2Session): void {
    if (failures > 0) log.info("Connected to the server again", { endpoint: addressText(target) });
    failures = 0;
    retryAtMs = 0;
    lastHeardMs = performance.now();
    current = session;
    const forget = () => {
      if (current === session) current = undefined;
    };
    session.on("goaway", forget);
    session.on("close", forget);
    startKeepalive(session, config.keepalive, () => lastHeardMs);
  }

  function open(): Promise<ClientHttp2Session> {
    connecting = dial(target, tls, (session) => {
      dialing = session;
    })
      .then(
        (session) => {
          if (closed) {
            cut(session);
            throw retryable("the client is closed", { reason: "cancelled" });
          }
          adopt(session);
          return session;
        },
        (cause: Error) => {
          throw failed(cause);
        },
      )
      .finally(() => {
        connecting = undefined;
        dialing = undefined;
      });
    // Whoever waits sees the rejection; nobody waiting is no fault.
    connecting.catch(() => {});
    return connecting;
  }

  async function waitFor(signal: AbortSignal | undefined): Promise<ClientHttp2Session> {
    for (;;) {
      if (current) return current;
      if (closed) throw retryable("the client is closed", { reason: "cancelled" });
      const pauseMs = connecting ? 0 : retryAtMs - performance.now();
      if (pauseMs > 0) await sleep(pauseMs, signal ? AbortSignal.any([signal, closing.signal]) : closing.signal);
      if (closed) continue;
      if (signal?.aborted)
        throw (
          lastError ?? retryable("the request was cancelled while it waited for a connection", { reason: "cancelled" })
        );
      await (connecting ?? open()).catch(() => {});
    }
  }

  return {
    ready: () => (current && !current.closed && !current.destroyed ? current : undefined),
    touch() {
      lastHeardMs = performance.now();
    },
    async session(waitForReady, signal) {
      if (closed) throw retryable("the client is closed", { reason: "cancelled" });
      const usable = current && !current.closed && !current.destroyed ? current : undefined;
      if (usable) return usable;
      current = undefined;
      if (waitForReady) return waitFor(signal);
      if (!connecting && lastError && performance.now() < retryAtMs) throw lastError;
      return connecting ?? open();
    },
    probe(session) {
      ping(session, connectTimeoutMs / 2);
    },
    async close() {
      closed = true;
      closing.abort();
      const session = current ?? dialing;
      current = undefined;
      if (!session || session.destroyed) return;
      await new Promise<void>((resolve) => {
        session.once("close", resolve);
        cut(session);
      });
    },
  };
}

function addressText(target: GrpcTarget): string {
  return "path" in target.address
    ? `unix:${target.address.path}`
    : formatHostPort(target.address.host, target.address.port);
}

/** Connects, and waits for the server's SETTINGS: only then is it known to speak HTTP/2. `begun` gets the session at once. */
function dial(
  target: GrpcTarget,
  tls: TlsSource<ClientTlsOptions>,
  begun: (session: ClientHttp2Session) => void,
): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const socket = target.secure ? dialTls(target, tls.options()) : connectTcp({ ...target.address, noDelay: true });
    const session = connectHttp2(`${target.secure ? "https" : "http"}://${target.authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: 1024 * 1024 },
    });
    const timer = setTimeout(
      () => cut(session, new Error("no HTTP/2 settings from the server in time")),
      connectTimeoutMs,
    );
    let ready = false;
    sockets.set(session, socket);
    session.once("connect", () => noteSession(session));
    begun(session);
    // In TLS 1.3 a server refuses our certificate after the handshake: the session then tells nobody.
    socket.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
      cut(session);
    });
    session.once("remoteSettings", () => {
      if (socket instanceof Object && "alpnProtocol" in socket && socket.alpnProtocol !== "h2") {
        cut(session, new Error("the server does not offer HTTP/2 (ALPN h2)"));
        return;
      }
      ready = true;
      clearTimeout(timer);
      resolve(session);
    });
    // Stays for the session's life: after `ready` the streams and "close" tell what is lost.
    session.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    session.once("close", () => {
      clearTimeout(timer);
      if (!ready) reject(new Error("the connection was closed before it was ready"));
    });
  });
}

function dialTls(target: GrpcTarget, options: ClientTlsOptions): Socket {
  const host = "path" in target.address ? target.authority.replace(/:\d+$/, "") : target.address.host;
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
  return connectTls({
    ...options,
    ...target.address,
    servername: options.servername ?? (isAddress ? "" : host),
    ALPNProtocols: ["h2"],
  });
}

const sockets = new WeakMap<ClientHttp2Session, Socket>();

/** Ends a session at once. Node's `destroy` waits for what is being written, for ever if the other end has stopped reading. */
function cut(session: ClientHttp2Session, error?: Error): void {
  session.destroy(error, constants.NGHTTP2_CANCEL);
  sockets.get(session)?.destroy();
}

/** Pings; a session that does not answer in `timeoutMs` is destroyed, which fails its streams. */
function ping(session: ClientHttp2Session, timeoutMs: number): void {
  if (session.destroyed || session.closed) return;
  const timer = setTimeout(() => cut(session, new Error("keepalive ping was not answered")), timeoutMs);
  timer.unref();
  session.ping((error) => {
    clearTimeout(timer);
    if (error && !session.destroyed) cut(session, error);
  });
}

/** Pings a session from which nothing came for a while; exported for its tests, whose time is made. */
export function startKeepalive(
  session: ClientHttp2Session,
  keepalive: GrpcClientConfig["keepalive"],
  lastHeardMs: () => number,
): void {
  if (!keepalive || keepalive.time <= 0) return;
  // gRPC allows a ping every 10 s at most.
  const everyMs = Math.max(keepalive.time, 10_000);
  const timer = setInterval(() => {
    const idle = performance.now() - lastHeardMs() >= everyMs;
    const busy = (session.state.nextStreamID ?? 0) > 0 && openStreams(session) > 0;
    if (idle && (busy || keepalive.permit_without_stream)) ping(session, keepalive.timeout || 20_000);
  }, everyMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

const streamCounts = new WeakMap<ClientHttp2Session, number>();

/** Streams that our calls hold open on a session. */
function openStreams(session: ClientHttp2Session): number {
  return streamCounts.get(session) ?? 0;
}

/** A call begins (+1) or ends (-1) on a session; keepalive wants to know. */
export function countStream(session: ClientHttp2Session, change: 1 | -1): void {
  streamCounts.set(session, openStreams(session) + change);
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
