import { readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Never answers. */
  readonly hang?: boolean;
  /** The answer has no end: nothing more comes after the body, or the body again and again. */
  readonly endless?: "stalls" | "repeats";
}

/** What the target gives at one path: each answer once, the last one for ever. */
export type Script = Readonly<Record<string, readonly Answer[]>>;

export interface TargetServer {
  readonly address: string;
  readonly port: number;
  readonly requests: readonly { path: string; query: string; headers: IncomingHttpHeaders }[];
  /** Changes what it gives. */
  script(next: Script): void;
  close(): Promise<void>;
}

/** A recorded answer of net/http/pprof. */
export function recordedAnswer(name: string): Answer {
  return { body: recordedPprof(name), headers: { "content-type": "application/octet-stream" } };
}

export function recordedPprof(name: string): Buffer {
  return readFileSync(`test/fixtures/wire/net-http-pprof/${name}.pb.gz`);
}

function* repeated(body: Buffer | string): Generator<Buffer | string> {
  while (true) yield body;
}

export async function startTarget(script: Script): Promise<TargetServer> {
  const requests: { path: string; query: string; headers: IncomingHttpHeaders }[] = [];
  let answers = new Map(Object.entries(script).map(([path, list]) => [path, [...list]]));
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://target");
    requests.push({ path: url.pathname, query: url.search, headers: request.headers });
    const list = answers.get(url.pathname) ?? [];
    const answer = (list.length > 1 ? list.shift() : list[0]) ?? { status: 404, body: "404 page not found\n" };
    if (answer.hang) return;
    response.writeHead(answer.status ?? 200, answer.headers ?? { "content-type": "text/plain; charset=utf-8" });
    if (answer.endless === undefined) response.end(answer.body ?? "");
    else if (answer.endless === "stalls") response.write(answer.body ?? "");
    else Readable.from(repeated(answer.body ?? "")).pipe(response);
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    port,
    requests,
    script(next) {
      answers = new Map(Object.entries(next).map(([path, list]) => [path, [...list]]));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
