import { readFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type IncomingHttpHeaders } from "node:http2";

const wire = "test/fixtures/wire";

export interface Reply {
  readonly status: number;
  /** Headers and trailers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface WireRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly http2?: boolean;
}

/** Sends a request as it is: HTTP/1.1, or HTTP/2 by prior knowledge. */
export function send(port: number, request: WireRequest): Promise<Reply> {
  return request.http2 ? sendHttp2(port, request) : sendHttp1(port, request);
}

/** A POST with a few headers. */
export function post(port: number, url: string, headers: Record<string, string>, body: Buffer | string) {
  return send(port, { method: "POST", url, headers, body: Buffer.from(body as string) });
}

function flat(headers: IncomingMessage["headers"] | IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function sendHttp1(port: number, { method, url, headers, body }: WireRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path: url, agent: false };
    const call = httpRequest({ ...options, headers: { ...headers, "content-length": body.length } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const all = { ...flat(answer.headers), ...flat(answer.trailers) };
        resolve({ status: answer.statusCode ?? 0, headers: all, body: Buffer.concat(chunks) });
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

function sendHttp2(port: number, { method, url, headers, body }: WireRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`);
    session.on("error", reject);
    const stream = session.request({ ...headers, ":method": method, ":path": url });
    const chunks: Buffer[] = [];
    let all: Record<string, string> = {};
    stream.on("response", (answer) => {
      all = { ...all, ...flat(answer) };
    });
    stream.on("trailers", (trailers) => {
      all = { ...all, ...flat(trailers) };
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", reject);
    stream.on("end", () => {
      session.close();
      resolve({ status: Number(all[":status"]), headers: all, body: Buffer.concat(chunks) });
    });
    stream.end(body);
  });
}

/** A recorded request of a client, such as "pyroscope-go/0001". */
export function recordedRequest(name: string): WireRequest {
  const { method, url, headers } = JSON.parse(readFileSync(`${wire}/${name}.json`, "utf8"));
  const {
    "content-length": _length,
    "transfer-encoding": _coding,
    connection: _connection,
    host: _host,
    ...kept
  } = headers;
  return { method, url, headers: kept, body: readFileSync(`${wire}/${name}.bin`) };
}

/** The gRPC code of a reply; "" where there is none. */
export function grpcStatus(reply: Reply): string {
  return reply.headers["grpc-status"] ?? /grpc-status: (\d+)/.exec(reply.body.toString())?.[1] ?? "";
}

export function isTaken(reply: Reply): boolean {
  return reply.status === 200 && (grpcStatus(reply) || "0") === "0";
}
