import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { z } from "zod";
import { checkCompression } from "../../src/net/compression.js";
import { httpClientFields } from "../../src/net/http-client.js";
import { httpClient, rejection } from "./support.js";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({ close: () => server.close().closeAllConnections() });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that speaks whatever `talk` writes to the socket. */
async function serveRaw(talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => talk(socket));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function client(endpoint: string, input: object = {}) {
  const made = httpClient(endpoint, input);
  open.push(made);
  return made;
}

describe("HTTP client", () => {
  it("posts pieces as one gzip body with the configured headers", async () => {
    const seen: { headers?: IncomingMessage["headers"]; url?: string; body?: string } = {};
    const url = await serve(async (request, response) => {
      seen.headers = request.headers;
      seen.url = request.url;
      seen.body = zlib.gunzipSync(await bodyOf(request)).toString();
      response.setHeader("x-many", ["a", "b"]);
      response.end("done");
    });
    const http = client(`${url}/base/`, { headers: [{ name: "X-Tenant", value: "t1" }] });
    const answer = await http.request({
      method: "POST",
      url: "/in?x=1",
      body: [Buffer.from("one,"), Buffer.from("two")],
      headers: { "x-own": "1" },
    });
    assert.deepEqual(
      [answer.status, answer.body.toString(), answer.truncated, answer.headers["x-many"]],
      [200, "done", false, "a, b"],
    );
    assert.deepEqual([seen.url, seen.body], ["/base/in?x=1", "one,two"]);
    assert.equal(seen.headers?.["x-tenant"], "t1");
    assert.equal(seen.headers?.["x-own"], "1");
    assert.equal(seen.headers?.["content-encoding"], "gzip");
    assert.match(seen.headers?.["user-agent"] ?? "", /^flamepipe\/1\.2\.3 \(/);
  });

  it("sends a body that is encoded already as it is", async () => {
    const url = await serve(async (request, response) => response.end(await bodyOf(request)));
    const body = Buffer.from("already packed");
    const answer = await client(url).request({
      method: "POST",
      url: "/",
      body,
      headers: { "content-encoding": "x-own" },
    });
    assert.deepEqual(answer.body, body);
  });

  it("cuts an endless answer off", async () => {
    const url = await serve((_request, response) => {
      const pump = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) {}
        response.once("drain", pump);
      };
      pump();
    });
    const answer = await client(url).request({ method: "GET", url: "/", maxResponseBytes: 100_000, timeoutMs: 60_000 });
    assert.deepEqual([answer.body.length, answer.truncated], [100_000, true]);
  });

  it("does not follow redirects", async () => {
    let calls = 0;
    const url = await serve((_request, response) => {
      calls++;
      response.writeHead(307, { location: "/elsewhere" }).end();
    });
    const answer = await client(url).request({ method: "POST", url: "/", body: Buffer.from("x") });
    assert.deepEqual([answer.status, answer.headers.location, calls], [307, "/elsewhere", 1]);
  });

  it("times out as DEADLINE_EXCEEDED, retryable, also while the body trickles", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/trickle") response.write("a");
    });
    for (const target of ["/silent", "/trickle"]) {
      const error = await rejection(client(url).request({ method: "GET", url: target, timeoutMs: 30.5 }));
      assert.deepEqual([error.kind, error.code, error.reason], ["retryable", 4, "timeout"]);
    }
  });

  it("is cancelled by its signal", async () => {
    const url = await serve(() => {});
    const controller = new AbortController();
    const pending = rejection(
      client(url).request({ method: "GET", url: "/", signal: controller.signal, timeoutMs: 60_000 }),
    );
    controller.abort();
    const error = await pending;
    assert.deepEqual([error.kind, error.code, error.reason], ["retryable", 1, "cancelled"]);
  });

  it("is given up at once while it waits for a connection, and isn't sent later", async () => {
    const seen: string[] = [];
    let answer = () => {};
    const url = await serve((request, response) => {
      seen.push(request.url ?? "");
      answer = () => response.end("done");
    });
    const came = async (path: string) => {
      while (!seen.includes(path)) await new Promise((resolve) => setImmediate(resolve));
    };
    const http = client(url, { max_conns_per_host: 1 });
    const first = http.request({ method: "GET", url: "/first" });
    const controller = new AbortController();
    const second = rejection(http.request({ method: "GET", url: "/second", signal: controller.signal }));
    const third = rejection(http.request({ method: "GET", url: "/third", timeoutMs: 20 }));
    controller.abort();
    const gone = AbortSignal.abort();
    const fourth = rejection(http.request({ method: "GET", url: "/fourth", signal: gone }));
    const errors = await Promise.all([second, third, fourth]);
    assert.deepEqual(
      errors.map(({ kind, reason }) => `${kind} ${reason}`),
      ["retryable cancelled", "retryable timeout", "retryable cancelled"],
    );
    // On a busy machine the others may be over before the first has reached the server.
    await came("/first");
    answer();
    assert.equal((await first).body.toString(), "done");
    const last = http.request({ method: "GET", url: "/last" });
    await came("/last");
    answer();
    assert.equal((await last).status, 200);
    assert.deepEqual(seen, ["/first", "/last"]);
  });

  it("turns every way a connection can fail into a retryable UNAVAILABLE", async () => {
    const refused = await rejection(client("http://127.0.0.1:1").request({ method: "GET", url: "/" }));
    const talks: ((socket: Socket) => void)[] = [
      (socket) => socket.resetAndDestroy(),
      (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive"),
      (socket) => socket.end("no HTTP at all\r\n\r\n"),
      (socket) => socket.end(),
    ];
    const errors = [refused];
    for (const talk of talks)
      errors.push(
        await rejection(client(await serveRaw(talk)).request({ method: "GET", url: "/", timeoutMs: 60_000 })),
      );
    for (const error of errors)
      assert.deepEqual([error.kind, error.code, error.reason], ["retryable", 14, "network"], error.message);
  });

  it("reuses a connection, unless keep-alives are off", async () => {
    const ports: (number | undefined)[] = [];
    const url = await serve((request, response) => {
      ports.push(request.socket.remotePort);
      response.end();
    });
    for (const input of [{}, { disable_keep_alives: true }]) {
      const http = client(url, input);
      for (let i = 0; i < 6; i++) await http.request({ method: "GET", url: "/" });
    }
    // A connection is free a tick after its answer: the second request may still open another.
    assert.ok(new Set(ports.slice(0, 6)).size <= 2, ports.join());
    assert.equal(new Set(ports.slice(6)).size, 6);
  });

  it("goes through a proxy", async () => {
    const target = await serve((request, response) => response.end(`target saw ${request.url}`));
    const asked: string[] = [];
    const proxy = createServer().listen(0, "127.0.0.1");
    await once(proxy, "listening");
    open.push({ close: () => proxy.close().closeAllConnections() });
    proxy.on("connect", (request, socket) => {
      asked.push(request.url ?? "");
      const [host, port] = (request.url ?? "").split(":");
      const onward = connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
      onward.pipe(socket).pipe(onward);
      socket.on("error", () => onward.destroy());
      onward.on("error", () => socket.destroy());
    });
    const http = client(target, { proxy_url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` });
    const answer = await http.request({ method: "GET", url: "/x", timeoutMs: 60_000 });
    assert.deepEqual([answer.body.toString(), asked], ["target saw /x", [target.replace("http://", "")]]);
  });

  it("opens no connection until the first request, and can be closed without one", async () => {
    await client("http://127.0.0.1:1").close();
  });
});

describe("HTTP client keys", () => {
  const schema = z.strictObject(httpClientFields).superRefine(checkCompression);
  const messages = (input: object) => schema.safeParse(input).error?.issues.map((issue) => issue.message);

  it("have the documented defaults", () => {
    const config = schema.parse({ endpoint: "http://x" });
    assert.deepEqual(
      [config.compression, config.compression_params.level, config.max_idle_conns, config.idle_conn_timeout],
      ["gzip", 1, 100, 90_000],
    );
  });

  it("refuse what can't be done", () => {
    assert.match(messages({ compression: "snappy" })?.[0] ?? "", /^unsupported compression type "snappy"/);
    assert.match(
      messages({ compression_params: { level: 12 } })?.[0] ?? "",
      /^unsupported parameters \{Level:12\} for compression type "gzip"/,
    );
    assert.equal(messages({ compression: "none", compression_params: { level: 12 } }), undefined);
    assert.match(messages({ headers: { a: 1 } })?.[0] ?? "", /invalid/i);
  });
});
