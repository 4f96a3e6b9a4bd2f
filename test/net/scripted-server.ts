import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";

export function framed(message: Buffer, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

export type Script = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer) => void;

export interface ScriptedServer {
  port: number;
  server: Http2Server;
  sockets: Set<Socket>;
  sessions: Set<ServerHttp2Session>;
  close(): void;
}

/** An HTTP/2 server that does what `script` says once the request is whole, at `port` or one of the system's choice. */
export async function startScripted(script: Script, port = 0, settings: object = {}): Promise<ScriptedServer> {
  const sessions = new Set<ServerHttp2Session>();
  const sockets = new Set<Socket>();
  const server = createServer({ settings }).listen(port, "127.0.0.1");
  server.on("connection", (socket: Socket) => sockets.add(socket));
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
    session.on("close", () => sessions.delete(session));
  });
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => {});
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => script(stream, headers, Buffer.concat(chunks)));
  });
  await once(server, "listening");
  const close = (): void => {
    for (const session of sessions) session.destroy();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, server, sockets, sessions, close };
}

/** A whole reply: headers, one message, trailers. */
export function reply(
  stream: ServerHttp2Stream,
  bytes: Buffer,
  trailers: object = { "grpc-status": "0" },
  headers: object = {},
): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...headers }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ ...trailers }));
  stream.end(bytes);
}

export function trailersOnly(stream: ServerHttp2Stream, trailers: object): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc", ...trailers }, { endStream: true });
}
