import assert from "node:assert/strict";
import { once } from "node:events";
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { Code } from "../../src/component/errors.js";
import type { GrpcClient } from "../../src/net/grpc-client.js";
import { formatTimeout, frameMessage } from "../../src/net/grpc-client.js";
import { maxReplyBytes } from "../../src/net/grpc-reply.js";
import { isRetryableCode } from "../../src/net/status.js";
import { encodeStatus } from "../../src/proto/status.js";
import { until } from "../support/until.js";
import { framed, reply, type ScriptedServer, startScripted, trailersOnly } from "./scripted-server.js";
import { startStalling } from "./stalling-server.js";
import { grpcClient, path, recordingLogger, rejection, startGrpcServer } from "./support.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function scripted(...args: Parameters<typeof startScripted>): Promise<ScriptedServer> {
  const server = await startScripted(...args);
  open.push(server.close);
  return server;
}

function client(port: number, input: object = {}): GrpcClient {
  const made = grpcClient(port, input);
  open.push(() => made.close());
  return made;
}

const call = (made: GrpcClient, extra: object = {}) =>
  made.unary({ path, body: [Buffer.from("hi")], timeoutMs: 60_000, ...extra });

describe("gRPC frames", () => {
  it("are a prefix and the pieces, small neighbours joined", () => {
    const small = Buffer.from("ab");
    const large = Buffer.alloc(5000, 1);
    const frame = frameMessage([small, small, large, small, Buffer.alloc(0), small], false);
    assert.deepEqual(
      frame.map((piece) => piece.length),
      [9, 5000, 4],
    );
    assert.equal(frame[1], large);
    assert.deepEqual(Buffer.concat(frame), framed(Buffer.concat([small, small, large, small, small])));
    assert.deepEqual(frameMessage([], true), [Buffer.from([1, 0, 0, 0, 0])]);
  });

  it("announce a timeout in at most eight digits, never zero", () => {
    assert.deepEqual([0.0001, 1, 5000, 99_999, 1e6, 1e9, 1e15].map(formatTimeout), [
      "1u",
      "1000u",
      "5000000u",
      "99999000u",
      "1000000m",
      "1000000S",
      "99999999S",
    ]);
  });
});

describe("gRPC client against grpc-js", () => {
  it("sends small, empty and large messages, plain and gzip, and reads the replies", async () => {
    const server = await startGrpcServer(async (body) => body);
    open.push(server.close);
    for (const compression of ["none", "gzip"]) {
      const made = client(server.port, { compression });
      for (const body of [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(3_000_000, "profile ")]) {
        const half = body.length >> 1;
        assert.deepEqual(await call(made, { body: [body.subarray(0, half), body.subarray(half)] }), body);
      }
    }
  });

  it("sends bytes that are compressed already", async () => {
    const server = await startGrpcServer(async (body) => body);
    open.push(server.close);
    const body = [zlib.gzipSync("packed before")];
    assert.equal((await call(client(server.port), { body, encoding: "gzip" })).toString(), "packed before");
  });

  it("runs many calls at one time over one connection", async () => {
    const server = await startGrpcServer(async (body) => body, { max_concurrent_streams: 3 });
    open.push(server.close);
    const made = client(server.port);
    const bodies = Array.from({ length: 50 }, (_, i) => Buffer.alloc(20_000, i));
    const replies = await Promise.all(bodies.map((body) => call(made, { body: [body] })));
    assert.deepEqual(replies, bodies);
  });
});

describe("gRPC client", () => {
  it("sends the headers that gRPC wants, and the configured ones", async () => {
    let seen: IncomingHttpHeaders = {};
    let sent = Buffer.alloc(0);
    const { port } = await scripted((stream, headers, body) => {
      seen = headers;
      sent = Buffer.from(body);
      reply(stream, framed(Buffer.alloc(0)));
    });
    await call(client(port, { headers: { "X-Tenant": "t1", te: "ignored" }, authority: "backend.test" }), {
      metadata: { "x-call": "1" },
    });
    assert.deepEqual(sent, framed(Buffer.from("hi")));
    const timeout = seen["grpc-timeout"] as string;
    assert.match(timeout, /^\d{8}u$/);
    assert.ok(Number.parseInt(timeout, 10) <= 60_000_000);
    assert.match(seen["user-agent"] ?? "", /^flamepipe\/1\.2\.3 \(/);
    const wanted = [
      ":method",
      ":scheme",
      ":path",
      ":authority",
      "te",
      "content-type",
      "x-tenant",
      "x-call",
      "grpc-encoding",
    ];
    assert.deepEqual(
      wanted.map((name) => seen[name]),
      ["POST", "http", path, "backend.test", "trailers", "application/grpc", "t1", "1", undefined],
    );
  });

  it("reads all 16 failures, from trailers and from trailers-only answers", async () => {
    const { port } = await scripted((stream, headers) => {
      const trailers = { "grpc-status": String(headers["x-code"]), "grpc-message": "gr%C3%BCn 100%25" };
      if (headers["x-how"] === "only") trailersOnly(stream, trailers);
      else reply(stream, Buffer.alloc(0), trailers);
    });
    const made = client(port);
    for (const how of ["only", "after"]) {
      for (let code = 1; code <= 16; code++) {
        const error = await rejection(call(made, { metadata: { "x-code": String(code), "x-how": how } }));
        const kind = isRetryableCode(code, false) ? "retryable" : "permanent";
        assert.deepEqual([error.code, error.kind, error.message], [code, kind, "grün 100%"], how);
      }
    }
  });

  it("waits as long as RetryInfo says, and ignores details that are broken", async () => {
    const details = encodeStatus({ code: 8, message: "slow", retryDelayMs: 2500 }).toString("base64");
    const answers = [details, details.replace(/=+$/, ""), "%%%", Buffer.from([255, 255]).toString("base64"), ""];
    const { port } = await scripted((stream, headers) => {
      trailersOnly(stream, { "grpc-status": "8", "grpc-status-details-bin": answers[Number(headers["x-n"])] });
    });
    const made = client(port);
    const outcomes = [];
    for (let n = 0; n < answers.length; n++) {
      const error = await rejection(call(made, { metadata: { "x-n": String(n) } }));
      outcomes.push([error.kind, error.retryAfterMs]);
    }
    const refused = ["permanent", undefined];
    assert.deepEqual(outcomes, [["retryable", 2500], ["retryable", 2500], refused, refused, refused]);
  });

  it("reads compressed replies under the cap", async () => {
    const { port } = await scripted((stream, headers) => {
      const message = headers["x-bomb"] ? Buffer.alloc(20_000_000) : Buffer.from("compressed");
      const packed = headers["x-empty"] ? Buffer.alloc(0) : zlib.gzipSync(message);
      reply(stream, framed(packed, 1), { "grpc-status": "0" }, { "grpc-encoding": "gzip" });
    });
    const made = client(port);
    assert.equal((await call(made)).toString(), "compressed");
    assert.equal((await call(made, { metadata: { "x-empty": "1" } })).length, 0);
    const error = await rejection(call(made, { metadata: { "x-bomb": "1" } }));
    assert.deepEqual([error.kind, error.message], ["permanent", "the reply cannot be decompressed"]);
  });

  it("refuses replies that are no single gRPC message", async () => {
    const replies: Record<string, () => Buffer> = {
      nothing: () => Buffer.alloc(0),
      halfPrefix: () => Buffer.from([0, 0]),
      lengthTooLarge: () => framed(Buffer.from("x"), 0, 10),
      lengthTooSmall: () => framed(Buffer.from("xyz"), 0, 1),
      twoMessages: () => Buffer.concat([framed(Buffer.from("a")), framed(Buffer.from("b"))]),
      flagWithoutEncoding: () => framed(Buffer.from("x"), 1),
      unknownFlag: () => framed(Buffer.from("x"), 7),
      endless: () => Buffer.alloc(maxReplyBytes + 6),
    };
    const { port } = await scripted((stream, headers) => reply(stream, replies[String(headers["x-reply"])]()));
    const made = client(port);
    for (const name of Object.keys(replies)) {
      const error = await rejection(call(made, { metadata: { "x-reply": name } }));
      assert.deepEqual([error.kind, error.reason], ["permanent", "bad_reply"], name);
    }
  });

  it("understands answers that are no gRPC by their HTTP status", async () => {
    const { port } = await scripted((stream, headers) => {
      stream.respond({ ":status": Number(headers["x-status"]), "content-type": "text/html" });
      stream.end("<html>a proxy speaks</html>");
    });
    const made = client(port);
    const outcomes: Record<string, unknown> = {};
    for (const status of [200, 400, 401, 403, 404, 429, 500, 502, 503, 504]) {
      const error = await rejection(call(made, { metadata: { "x-status": String(status) } }));
      outcomes[status] = [error.code, error.kind];
    }
    assert.deepEqual(outcomes, {
      200: [Code.UNKNOWN, "permanent"],
      400: [Code.INTERNAL, "permanent"],
      401: [Code.UNAUTHENTICATED, "permanent"],
      403: [Code.PERMISSION_DENIED, "permanent"],
      404: [Code.UNIMPLEMENTED, "permanent"],
      429: [Code.UNAVAILABLE, "retryable"],
      500: [Code.UNKNOWN, "permanent"],
      502: [Code.UNAVAILABLE, "retryable"],
      503: [Code.UNAVAILABLE, "retryable"],
      504: [Code.UNAVAILABLE, "retryable"],
    });
  });

  it("gives up at its deadline and when it is cancelled, and tells the server", async () => {
    const resets: Promise<number>[] = [];
    const { port } = await scripted((stream) => {
      resets.push(once(stream, "close").then(() => stream.rstCode ?? -1));
    });
    const made = client(port);
    const controller = new AbortController();
    const pending = rejection(call(made, { signal: controller.signal }));
    await until(() => resets.length === 1);
    controller.abort();
    const cancelled = await pending;
    assert.deepEqual([cancelled.kind, cancelled.code, cancelled.reason], ["retryable", Code.CANCELLED, "cancelled"]);
    // The connection is there: what is asked for now reaches the server, however soon its time is over.
    const late = await rejection(call(made, { timeoutMs: 40.7 }));
    assert.deepEqual([late.kind, late.code, late.reason], ["retryable", Code.DEADLINE_EXCEEDED, "timeout"]);
    assert.equal(late.message, "no answer within 41 ms");
    await until(() => resets.length === 2);
    assert.deepEqual(await Promise.all(resets), [constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL]);
    assert.equal((await rejection(call(made, { signal: controller.signal }))).code, Code.CANCELLED);
  });

  it("hears a refusal that comes before the request is written", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    open.push(() => server.close());
    server.on("session", (session) => open.push(() => session.destroy()));
    // Never reads: the flow-control window fills, and the rest of the request stays where it is.
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      trailersOnly(stream, { "grpc-status": "8", "grpc-message": "too large" });
    });
    const made = client((server.address() as AddressInfo).port);
    const error = await rejection(call(made, { body: [Buffer.alloc(10_000_000)] }));
    assert.deepEqual([error.code, error.message], [Code.RESOURCE_EXHAUSTED, "too large"]);
  });

  it("treats a reset stream and a lost connection as UNAVAILABLE", async () => {
    const { port, sockets } = await scripted((stream, headers) => {
      if (headers["x-how"] === "reset") stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else if (headers["x-how"] === "socket") for (const socket of sockets) socket.destroy();
      else stream.session?.destroy();
    });
    const made = client(port);
    for (const how of ["reset", "socket", "session"]) {
      const error = await rejection(call(made, { metadata: { "x-how": how } }));
      assert.deepEqual([error.kind, error.code, error.reason], ["retryable", Code.UNAVAILABLE, "network"], how);
    }
  });

  it("sends a refused stream again at once, a bounded number of times", async () => {
    let calls = 0;
    const { port } = await scripted((stream, headers) => {
      calls++;
      if (headers["x-always"] || calls === 1) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else reply(stream, framed(Buffer.from("second try")));
    });
    const made = client(port);
    assert.equal((await call(made)).toString(), "second try");
    assert.equal(calls, 2);
    calls = 0;
    const error = await rejection(call(made, { metadata: { "x-always": "1" } }));
    assert.deepEqual([error.kind, error.code, calls], ["retryable", Code.UNAVAILABLE, 3]);
  });

  it("moves to a new connection after GOAWAY while old calls finish", async () => {
    const held: ServerHttp2Stream[] = [];
    const seen: ServerHttp2Session[] = [];
    const { port } = await scripted((stream, headers) => {
      if (stream.session) seen.push(stream.session as ServerHttp2Session);
      if (headers["x-hold"]) {
        held.push(stream);
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR);
      } else reply(stream, framed(Buffer.from("new")));
    });
    const made = client(port);
    const old = call(made, { metadata: { "x-hold": "1" } });
    while (held.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal((await call(made)).toString(), "new");
    assert.equal(new Set(seen).size, 2);
    reply(held[0], framed(Buffer.from("old")));
    assert.equal((await old).toString(), "old");
  });

  it("connects again when the server comes back on the same port", async () => {
    const first = await scripted((stream) => reply(stream, framed(Buffer.from("first"))));
    const made = client(first.port);
    assert.equal((await call(made)).toString(), "first");
    for (const session of first.sessions) session.destroy();
    await new Promise((resolve) => first.server.close(resolve));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await scripted((stream) => reply(stream, framed(Buffer.from("second"))), first.port);
    assert.equal((await call(made)).toString(), "second");
  });

  it("fails fast while the back-off runs, logs the failure once, and waits if told to", async () => {
    const { log, lines } = recordingLogger();
    const probe = await scripted(() => {});
    await new Promise((resolve) => probe.server.close(resolve));
    const made = grpcClient(probe.port, {}, log);
    open.push(() => made.close());
    for (let i = 0; i < 5; i++) {
      const error = await rejection(call(made));
      assert.deepEqual([error.kind, error.code], ["retryable", Code.UNAVAILABLE]);
      assert.match(error.message, /^cannot connect to 127\.0\.0\.1:\d+: /);
    }
    assert.deepEqual(lines, ["warn Cannot connect to the server; trying again with growing pauses"]);

    const patient = client(probe.port, { wait_for_ready: true });
    const late = await rejection(call(patient, { timeoutMs: 60 }));
    assert.equal(late.code, Code.DEADLINE_EXCEEDED);
    const waiting = call(patient, { timeoutMs: 4000 });
    await scripted((stream) => reply(stream, framed(Buffer.from("ready"))), probe.port);
    assert.equal((await waiting).toString(), "ready");
  });

  it("fails calls under way when it is closed, and those after", async () => {
    const { port } = await scripted(() => {});
    const made = client(port);
    made.connect();
    const pending = rejection(call(made));
    await new Promise((resolve) => setTimeout(resolve, 30));
    await made.close();
    await made.close();
    assert.equal((await pending).kind, "retryable");
    assert.equal((await rejection(call(made))).message, "the client is closed");
  });

  it("closes though the server has stopped reading amid a request", async () => {
    const server = await startStalling();
    open.push(server.close);
    const made = grpcClient(server.port);
    const failed = rejection(made.unary({ path, body: [Buffer.alloc(8_000_000)], timeoutMs: 100 }));
    assert.equal((await failed).code, Code.DEADLINE_EXCEEDED);
    await made.close();
  });

  it("says what is wrong with a peer that speaks no HTTP/2", async () => {
    const peer = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    }).listen(0, "127.0.0.1");
    await once(peer, "listening");
    open.push(() => peer.close());
    const error = await rejection(call(client((peer.address() as AddressInfo).port)));
    assert.deepEqual([error.kind, error.code], ["retryable", Code.UNAVAILABLE]);
  });
});
