import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import type { Context } from "../../src/component/context.js";
import type { PipelineError } from "../../src/component/errors.js";
import {
  createHttpServer,
  type HttpRoute,
  type HttpServerParts,
  type HttpServerRequest,
} from "../../src/net/http-server.js";
import { answerFor } from "../../src/net/status.js";
import { httpServerConfig, settings } from "./support.js";

/** What a test has opened; `closeAll` ends it, the newest first. */
export const open: (() => unknown)[] = [];

export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

export interface Seen {
  request: HttpServerRequest;
  body: Buffer;
  ctx: Context;
}

/** A route that keeps what it got; `handle` may be replaced. */
export function route(seen: Seen[], change: Partial<HttpRoute> = {}): HttpRoute {
  return {
    path: "/in",
    methods: ["POST"],
    async handle(request, body, ctx) {
      seen.push({ request, body, ctx });
      return { status: 200, body: Buffer.from("ok") };
    },
    fail: (error: PipelineError) => ({ status: answerFor(error).httpStatus, body: Buffer.from(error.message) }),
    ...change,
  };
}

export async function start(
  config: object,
  seen: Seen[] = [],
  change: Partial<HttpRoute> = {},
  parts: Partial<HttpServerParts> = {},
): Promise<number> {
  const server = createHttpServer({
    config: httpServerConfig(config),
    settings,
    routes: [route(seen, change)],
    ...parts,
  });
  open.push(() => server.shutdown(50));
  return server.start();
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: Buffer | Buffer[];
  socketPath?: string;
}

/** A request; a body of several pieces is sent chunked. */
export function send(port: number, sent: Sent = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { method = "POST", path = "/in", headers = {}, body = Buffer.alloc(0), socketPath } = sent;
    const length = Buffer.isBuffer(body) ? { "content-length": String(body.length) } : {};
    const target = socketPath ? { socketPath } : { host: "127.0.0.1", port };
    const request = httpRequest({ ...target, method, path, headers: { ...length, ...headers }, agent: false });
    request.on("error", reject);
    request.on("response", async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() });
    });
    for (const piece of Buffer.isBuffer(body) ? [body] : body) request.write(piece);
    request.end();
  });
}

/** Writes bytes to a socket; resolves with what came back once the server has closed it. */
export async function talk(port: number, ...writes: string[]): Promise<string> {
  const socket: Socket = connect(port, "127.0.0.1");
  open.push(() => socket.destroy());
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => {});
  for (const text of writes) socket.write(text);
  await once(socket, "close");
  return Buffer.concat(chunks).toString();
}
