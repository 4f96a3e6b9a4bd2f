import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { constants } from "node:http2";
import { Code, PipelineError, permanent, retryable } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import { codingOf, encode } from "./compression.js";
import { type GrpcClientConfig, parseGrpcTarget } from "./grpc-config.js";
import { countStream, createGrpcConnection, type GrpcConnection } from "./grpc-connection.js";
import { createReplyReader, type ReplyReader } from "./grpc-reply.js";
import { headerEntries } from "./headers.js";
import { releaseAfter } from "./http2-release.js";
import { createTlsSource, loadClientTls } from "./tls.js";

export interface GrpcCall {
  /** ":path", e.g. "/package.Service/Method". */
  path: string;
  /** The message in pieces; they are written as they are and must not change until the call settles. */
  body: readonly Buffer[];
  /** Set when `body` is compressed already: the grpc-encoding to announce. Otherwise the configured compression is applied. */
  encoding?: string;
  signal?: AbortSignal;
  /** Sent as grpc-timeout and kept here; 0 or absent = none. */
  timeoutMs?: number;
  /** Names in lower case; they win over the configured headers. */
  metadata?: Readonly<Record<string, string | string[]>>;
}

/** Unary gRPC over node:http2. */
export interface GrpcClient {
  /** Begins to connect, without waiting; a server that is down is no error here. */
  connect(): void;
  /**
   * Resolves with the reply's message. Rejects with PipelineError: the server's status where it gave one, else UNAVAILABLE
   * (no connection, or it broke), DEADLINE_EXCEEDED, CANCELLED.
   */
  unary(call: GrpcCall): Promise<Buffer>;
  /** Calls under way fail with UNAVAILABLE. Idempotent. */
  close(): Promise<void>;
}

/** A call that the server never began to work on may be sent again at once, this often. */
const transparentRetries = 2;
/** Pieces smaller than this are joined before writing: each piece costs a crossing into the HTTP/2 library. */
const joinBelowBytes = 4096;

/** `create` has no side effects. */
export function createGrpcClient(config: GrpcClientConfig, settings: Pick<Settings, "log" | "build">): GrpcClient {
  const target = parseGrpcTarget(config);
  if (typeof target === "string") throw new PipelineError("config", target);
  const tls = createTlsSource(() => loadClientTls(config.tls), config.tls.reload_interval, settings.log);
  const connection = createGrpcConnection({ target, config, tls, log: settings.log });
  const fixed = fixedHeaders(config, settings, target.secure, target.authority);
  const coding = codingOf(config.compression);
  const level = config.compression_params.level;

  async function unary(call: GrpcCall): Promise<Buffer> {
    const startMs = performance.now();
    const bounds: Bounds = { signal: call.signal, timeoutMs: call.timeoutMs };
    const encoding = call.encoding ?? (coding === "none" ? undefined : coding);
    const parts = call.encoding === undefined && coding !== "none" ? await encode(coding, call.body, level) : call.body;
    const frame = frameMessage(parts, encoding !== undefined);
    for (let attempt = 0; ; attempt++) {
      const session = connection.ready() ?? (await waitForSession(connection, config.wait_for_ready, call, startMs));
      const headers = callHeaders(fixed, call, encoding, startMs);
      try {
        return await exchange(connection, session, headers, frame, bounds, startMs);
      } catch (error) {
        if (!(error instanceof NeverProcessed)) throw error;
        if (attempt >= transparentRetries) throw retryable(error.message, { reason: "network", cause: error });
      }
    }
  }

  return {
    connect() {
      connection.session(false, undefined).catch(() => {});
    },
    unary,
    close: () => connection.close(),
  };
}

/** The server said that it did not look at the request: sending it again can't duplicate anything. */
class NeverProcessed extends Error {}

function fixedHeaders(
  config: GrpcClientConfig,
  settings: Pick<Settings, "build">,
  secure: boolean,
  authority: string,
): OutgoingHttpHeaders {
  const { name, version } = settings.build;
  const headers: OutgoingHttpHeaders = {
    ":method": "POST",
    ":scheme": secure ? "https" : "http",
    ":authority": authority,
    te: "trailers",
    "content-type": "application/grpc",
    "grpc-accept-encoding": "identity,gzip",
    "user-agent": config.user_agent || `${name}/${version} (${process.platform}/${process.arch})`,
  };
  for (const [key, value] of headerEntries(config.headers)) headers[key] ??= value;
  return headers;
}

function callHeaders(
  fixed: OutgoingHttpHeaders,
  call: GrpcCall,
  encoding: string | undefined,
  startMs: number,
): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = { ...fixed, ...call.metadata, ":path": call.path };
  if (encoding !== undefined) headers["grpc-encoding"] = encoding;
  if (call.timeoutMs) headers["grpc-timeout"] = formatTimeout(call.timeoutMs - (performance.now() - startMs));
  return headers;
}

/** grpc-timeout takes eight digits at most. */
export function formatTimeout(ms: number): string {
  const micros = Math.max(1, Math.floor(ms * 1000));
  if (micros < 100_000_000) return `${micros}u`;
  return ms < 100_000_000 ? `${Math.floor(ms)}m` : `${Math.min(99_999_999, Math.floor(ms / 1000))}S`;
}

/** The five-byte prefix and the message; small neighbours joined. */
export function frameMessage(parts: readonly Buffer[], compressed: boolean): Buffer[] {
  let length = 0;
  for (const part of parts) length += part.length;
  const prefix = Buffer.allocUnsafe(5);
  prefix[0] = compressed ? 1 : 0;
  prefix.writeUInt32BE(length, 1);
  const frame: Buffer[] = [];
  let run: Buffer[] = [prefix];
  const flush = () => {
    if (run.length > 0) frame.push(run.length === 1 ? run[0] : Buffer.concat(run));
    run = [];
  };
  for (const part of parts) {
    if (part.length >= joinBelowBytes) flush();
    if (part.length >= joinBelowBytes) frame.push(part);
    else if (part.length > 0) run.push(part);
  }
  flush();
  return frame;
}

async function waitForSession(
  connection: GrpcConnection,
  waitForReady: boolean,
  call: GrpcCall,
  startMs: number,
): Promise<ClientHttp2Session> {
  const signals = call.signal ? [call.signal] : [];
  if (call.timeoutMs)
    signals.push(AbortSignal.timeout(Math.max(0, Math.ceil(call.timeoutMs - (performance.now() - startMs)))));
  if (signals.length === 0) return connection.session(waitForReady, undefined);
  const ended = AbortSignal.any(signals);
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(endedError(call));
    if (ended.aborted) return onAbort();
    ended.addEventListener("abort", onAbort, { once: true });
    connection
      .session(waitForReady, ended)
      .then(resolve, reject)
      .finally(() => ended.removeEventListener("abort", onAbort));
  });
}

/** What a call's listeners need of it. They may outlive it by a while, and must not keep its body. */
type Bounds = Pick<GrpcCall, "signal" | "timeoutMs">;

function endedError(call: Bounds): PipelineError {
  if (call.signal?.aborted)
    return retryable("the request was cancelled", { code: Code.CANCELLED, reason: "cancelled" });
  return retryable(`no answer within ${Math.ceil(call.timeoutMs ?? 0)} ms`, {
    code: Code.DEADLINE_EXCEEDED,
    reason: "timeout",
  });
}

function openStream(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  try {
    return session.request(headers, { endStream: false });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "";
    if (/^ERR_HTTP2_(GOAWAY_SESSION|INVALID_SESSION|OUT_OF_STREAMS)$/.test(code)) {
      if (code === "ERR_HTTP2_OUT_OF_STREAMS") session.close();
      throw new NeverProcessed((cause as Error).message);
    }
    throw permanent(`the request cannot be sent: ${(cause as Error).message}`, { reason: "bad_request", cause });
  }
}

/** One stream from request to status. Every listener goes when it settles; late events find nothing to do. */
function exchange(
  connection: GrpcConnection,
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  frame: readonly Buffer[],
  call: Bounds,
  startMs: number,
): Promise<Buffer> {
  const stream = openStream(session, headers);
  const reply = awaitReply(connection, session, stream, call, startMs);
  if (call.signal?.aborted) return reply;
  stream.cork();
  for (const piece of frame) stream.write(piece);
  stream.end();
  stream.uncork();
  return reply;
}

/**
 * Settles with the answer to what is written on `stream`. What is written is not in this scope: listeners may live on
 * for a while in the tables of the HTTP/2 library, and must not keep it.
 */
function awaitReply(
  connection: GrpcConnection,
  session: ClientHttp2Session,
  stream: ClientHttp2Stream,
  call: Bounds,
  startMs: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const reader = createReplyReader();
    let heard = false;
    let settled = false;
    countStream(session, 1);

    function settle(error: Error | undefined, reply?: Buffer): void {
      if (settled) return;
      settled = true;
      countStream(session, -1);
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", onAbort);
      // The server may still be waiting for the rest of the request, or sending; after a whole exchange nothing is left to say.
      if (!stream.closed && !(reader.complete() && stream.writableFinished)) stream.close(constants.NGHTTP2_CANCEL);
      if (error) reject(error);
      else resolve(reply as Buffer);
    }
    const finish = (): void => {
      if (settled) return;
      reader.finish().then(
        (reply) => settle(undefined, reply),
        (error: Error) => settle(error),
      );
    };
    const onAbort = (): void => settle(endedError(call));
    const timer = call.timeoutMs
      ? setTimeout(
          () => {
            if (!heard) connection.probe(session);
            settle(endedError(call));
          },
          Math.max(0, call.timeoutMs - (performance.now() - startMs)),
        )
      : undefined;

    stream.on("response", (response: IncomingHttpHeaders, flags: number) => {
      heard = true;
      connection.touch();
      reader.headers(response, (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0);
      if (reader.complete()) finish();
    });
    stream.on("data", (chunk: Buffer) => {
      connection.touch();
      const refused = reader.data(chunk);
      if (refused) settle(refused);
    });
    // A refusal may come while the request is still being written: nobody would read the rest.
    stream.on("trailers", (trailers: IncomingHttpHeaders) => {
      reader.trailers(trailers);
      if (reader.complete()) finish();
    });
    stream.on("error", () => {});
    stream.on("close", () => {
      releaseAfter(stream, session);
      if (settled) return;
      if (reader.hasStatus()) finish();
      else settle(brokenStream(stream, session, reader));
    });
    if (call.signal?.aborted) return onAbort();
    call.signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A stream that closed without a grpc-status. */
function brokenStream(stream: ClientHttp2Stream, session: ClientHttp2Session, reader: ReplyReader): Error {
  const code = stream.rstCode;
  if (code === constants.NGHTTP2_REFUSED_STREAM && !reader.begun())
    return new NeverProcessed("the server refused the stream");
  if (code === constants.NGHTTP2_INADEQUATE_SECURITY) {
    return permanent("the server asks for a safer connection", { code: Code.PERMISSION_DENIED, reason: "rejected" });
  }
  const what = session.destroyed ? "the connection broke" : `the server reset the stream (HTTP/2 error ${code})`;
  return retryable(`${what} before it answered`, { reason: "network" });
}
