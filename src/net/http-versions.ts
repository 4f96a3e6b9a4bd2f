import type { RequestListener, Server } from "node:http";
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { noteSession, releaseAfter } from "./http2-release.js";

/** The HTTP/2 half of a server that speaks both versions on one port. */
export interface Http2Side {
  /** Lets streams under way finish and ends the sessions, and connections that have said nothing yet. */
  close(): void;
}

/** ALPN of a TLS server with both versions. */
export const bothVersions: readonly string[] = ["h2", "http/1.1"];

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/**
 * Streams of one connection at a time. A client that wants more waits; memory is bounded by the server's byte budget.
 */
const maxConcurrentStreams = 250;
const windowBytes = 4 * 1024 * 1024;

/**
 * Lets an HTTP/1.1 server, not yet listening, speak HTTP/2 as well: by ALPN over TLS, in plaintext by the connection's
 * first bytes (prior knowledge; nobody upgrades any more). A connection that says nothing is closed after `headersMs`,
 * an HTTP/2 connection without streams after `idleMs`, and an HTTP/2 request that is not whole after `readMs` is reset.
 */
export function addHttp2(
  server: Server | TlsServer,
  serve: RequestListener,
  times: { headersMs: number; readMs: number; idleMs: number },
): Http2Side {
  const settings = { maxConcurrentStreams, initialWindowSize: windowBytes, maxHeaderListSize: 64 * 1024 };
  const http2 = createHttp2Server({ settings }, (request: Http2ServerRequest, response: Http2ServerResponse) => {
    watchStream(request.stream, times.readMs);
    serve(request as never, response as never);
  });
  const sessions = trackSessions(http2, times.idleMs);
  /** Clients open connections in advance. */
  const silent = new Set<Socket>();
  const secure = "setSecureContext" in server;
  const event = secure ? "secureConnection" : "connection";
  const toHttp1 = server.listeners(event) as ((socket: Socket) => void)[];
  const asHttp1 = (socket: Socket) => {
    for (const listener of toHttp1) listener.call(server, socket);
  };
  const asHttp2 = (socket: Socket) => http2.emit("connection", socket);
  server.removeAllListeners(event);
  server.on(event, (socket: Socket) => {
    if (secure) (socket as TLSSocket).alpnProtocol === "h2" ? asHttp2(socket) : asHttp1(socket);
    else sniff(socket, times.headersMs, silent, asHttp1, asHttp2);
  });
  return {
    close() {
      for (const session of sessions) session.close();
      for (const socket of silent) socket.destroy();
    },
  };
}

/** Limits the time to read a request, which Node does for HTTP/1.1 only. */
function watchStream(stream: ServerHttp2Stream, readMs: number): void {
  const { session } = stream;
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), readMs);
  stream.once("end", () => clearTimeout(timer));
  stream.once("close", () => {
    clearTimeout(timer);
    if (session) releaseAfter(stream, session);
  });
}

/** Reads as many bytes as tell the version, puts them back, and hands the socket on. */
function sniff(
  socket: Socket,
  headersMs: number,
  silent: Set<Socket>,
  asHttp1: (socket: Socket) => void,
  asHttp2: (socket: Socket) => void,
): void {
  let seen: Buffer = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), headersMs);
  timer.unref();
  silent.add(socket);
  const stop = () => {
    clearTimeout(timer);
    silent.delete(socket);
    socket.off("readable", onReadable);
    socket.off("error", stop);
    socket.off("close", stop);
  };
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    silent.delete(socket);
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, preface.length);
    const isPreface = seen.compare(preface, 0, compared, 0, compared) === 0;
    if (isPreface && compared < preface.length) return;
    stop();
    socket.unshift(seen);
    if (isPreface) asHttp2(socket);
    else asHttp1(socket);
  };
  socket.on("readable", onReadable);
  socket.once("error", stop);
  socket.once("close", stop);
}

function trackSessions(http2: Http2Server, idleMs: number): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    noteSession(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
    session.setTimeout(idleMs, () => session.close());
  });
  http2.on("sessionError", () => {});
  return sessions;
}
