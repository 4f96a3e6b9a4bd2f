import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { credentials, Client as GrpcJsClient, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Context } from "../../src/component/context.js";
import { badInput, Code, permanent, retryable, throttled } from "../../src/component/errors.js";
import { createGrpcServer, serverWindowBytes, type UnaryHandler } from "../../src/net/grpc-server.js";
import { decodeStatus } from "../../src/proto/status.js";
import { until } from "../support/until.js";
import { grpcServerConfig, path, settings, startGrpcServer } from "./support.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const identity = (bytes: Buffer): Buffer => bytes;
const echo: UnaryHandler = async (body) => body;

async function start(handler: UnaryHandler, input: object = {}): Promise<number> {
  const server = await startGrpcServer(handler, input);
  open.push(server.close);
  return server.port;
}

interface Outcome {
  reply?: Buffer;
  error?: ServiceError;
}

/** One call by grpc-js' own client. */
function call(
  target: string | number,
  body: Buffer,
  options: { deadlineMs?: number; metadata?: Metadata; gzip?: boolean; cancelled?: Promise<void> } = {},
): Promise<Outcome> {
  const client = new GrpcJsClient(
    typeof target === "number" ? `127.0.0.1:${target}` : target,
    credentials.createInsecure(),
    {
      "grpc.max_receive_message_length": -1,
      "grpc.default_compression_algorithm": options.gzip ? 2 : 0,
    },
  );
  open.push(() => client.close());
  return new Promise((resolve) => {
    const deadline = options.deadlineMs === undefined ? undefined : Date.now() + options.deadlineMs;
    const metadata = options.metadata ?? new Metadata();
    const running = client.makeUnaryRequest(path, identity, identity, body, metadata, { deadline }, (error, reply) => {
      resolve(error ? { error } : { reply });
    });
    void options.cancelled?.then(() => running.cancel());
  });
}

function session(port: number): ClientHttp2Session {
  const made = connect(`http://127.0.0.1:${port}`);
  made.on("error", () => {});
  open.push(() => made.destroy());
  return made;
}

/** One call frame by frame: what a client that isn't gRPC-like may send. */
async function raw(port: number, headers: object, chunks: readonly Buffer[]): Promise<IncomingHttpHeaders> {
  const stream: ClientHttp2Stream = session(port).request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  const seen: IncomingHttpHeaders = {};
  stream.on("response", (response) => Object.assign(seen, response));
  stream.on("trailers", (trailers) => Object.assign(seen, trailers));
  stream.on("error", () => {});
  stream.resume();
  for (const chunk of chunks) {
    stream.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  await once(stream, "close");
  return seen;
}

function framed(message: Buffer, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

describe("gRPC server", () => {
  it("answers a grpc-js client, plain and gzip, small, empty and large", async () => {
    const port = await start(echo);
    for (const body of [Buffer.alloc(0), Buffer.from("x"), Buffer.alloc(5_000_000, "profile ")]) {
      for (const gzip of [false, true]) assert.deepEqual((await call(port, body, { gzip })).reply, body);
    }
  });

  it("accepts deflate, and frames that come byte by byte", async () => {
    const seen: string[] = [];
    const port = await start(async (body) => {
      seen.push(body.toString());
      return body;
    });
    const message = Buffer.from("deflated");
    await raw(port, { "grpc-encoding": "deflate" }, [framed(zlib.deflateSync(message), 1)]);
    await raw(
      port,
      {},
      [...framed(Buffer.from("slowly"))].map((byte) => Buffer.from([byte])),
    );
    assert.deepEqual(seen, ["deflated", "slowly"]);
  });

  it("announces windows that a large request fits into", async () => {
    const port = await start(echo);
    const made = session(port);
    await once(made, "remoteSettings");
    assert.equal(made.remoteSettings.initialWindowSize, serverWindowBytes);
    await new Promise((resolve) => made.ping(resolve));
    assert.ok((made.state.remoteWindowSize ?? 0) >= serverWindowBytes, String(made.state.remoteWindowSize));
  });

  it("tells the handler who calls, how, until when, and with what metadata", async () => {
    let seen: Context | undefined;
    const port = await start(
      async (body, ctx) => {
        seen = ctx;
        return body;
      },
      { include_metadata: true },
    );
    const metadata = new Metadata();
    metadata.set("X-Tenant", "t1");
    metadata.add("x-many", "a");
    metadata.add("x-many", "b");
    metadata.set("x-bytes-bin", Buffer.from([0, 255]));
    const before = performance.now();
    await call(port, Buffer.from("x"), { deadlineMs: 5000, metadata });
    const deadline = (seen?.deadlineMs ?? 0) - before;
    assert.ok(deadline > 4000 && deadline < 6000, String(deadline));
    assert.match(seen?.client?.address ?? "", /^127\.0\.0\.1:\d+$/);
    assert.equal(seen?.client?.transport, "grpc");
    assert.deepEqual(seen?.metadata.get("x-tenant"), ["t1"]);
    assert.deepEqual(seen?.metadata.get("x-many"), ["a, b"]);
    assert.deepEqual(seen?.metadata.get("x-bytes-bin"), ["AP8="]);
    assert.equal(seen?.signal?.aborted, false);
  });

  it("keeps no metadata unless told to, and knows no deadline where there is none", async () => {
    let seen: Context | undefined;
    const port = await start(async (body, ctx) => {
      seen = ctx;
      return body;
    });
    const metadata = new Metadata();
    metadata.set("x-tenant", "t1");
    await call(port, Buffer.from("x"), { metadata });
    assert.deepEqual([seen?.metadata.size, seen?.deadlineMs], [0, undefined]);
  });

  it("aborts the handler's signal when the client cancels or its deadline passes", async () => {
    const aborted: Promise<void>[] = [];
    const port = await start((_body, ctx) => {
      const gone = new Promise<void>((resolve) => ctx.signal?.addEventListener("abort", () => resolve()));
      aborted.push(gone);
      return gone.then(() => Promise.reject(retryable("gone")));
    });
    // Neither may come before the server has the call.
    const cancelled = until(() => aborted.length === 1);
    assert.equal((await call(port, Buffer.from("x"), { cancelled })).error?.code, Code.CANCELLED);
    assert.equal((await call(port, Buffer.from("x"), { deadlineMs: 2000 })).error?.code, Code.DEADLINE_EXCEEDED);
    await Promise.all(aborted);
    assert.equal(aborted.length, 2);
  });

  it("leaves the signal of an answered call alone", async () => {
    let signal: AbortSignal | undefined;
    const port = await start(async (body, ctx) => {
      signal = ctx.signal;
      return body;
    });
    await call(port, Buffer.from("x"));
    await call(port, Buffer.from("x"));
    assert.equal(signal?.aborted, false);
  });

  it("turns errors into statuses, with RetryInfo where the client may come back", async () => {
    const errors = [
      badInput("index 7 of string_table is out of range"),
      permanent("x"),
      retryable("queue is full"),
      throttled("slow down", 1500),
      new TypeError("fault"),
      permanent("half \ud800 pair"),
    ];
    const port = await start(async (body) => {
      throw errors[Number(body.toString())];
    });
    const outcomes = [];
    for (let i = 0; i < errors.length; i++) {
      const { error } = await call(port, Buffer.from(String(i)));
      const details = error?.metadata.get("grpc-status-details-bin")[0] as Buffer | undefined;
      outcomes.push([error?.code, error?.details, details && decodeStatus(details)]);
    }
    assert.deepEqual(outcomes, [
      [3, "index 7 of string_table is out of range", undefined],
      [13, "x", undefined],
      [14, "queue is full", undefined],
      [8, "slow down", { code: 8, message: "slow down", retryDelayMs: 1500 }],
      [13, "fault", undefined],
      [13, "half \ufffd pair", undefined],
    ]);
  });

  it("survives a handler that throws before it returns a promise", async () => {
    const port = await start(() => {
      throw badInput("at once");
    });
    assert.equal((await call(port, Buffer.from("x"))).error?.details, "at once");
  });

  it("refuses messages over the limit before and after decompression, without RetryInfo", async () => {
    const port = await start(echo, { max_recv_msg_size_mib: 1 });
    const large = Buffer.alloc(3 * 1024 * 1024);
    for (const gzip of [false, true]) {
      const { error } = await call(port, large, { gzip });
      assert.deepEqual([error?.code, error?.metadata.get("grpc-status-details-bin")], [Code.RESOURCE_EXHAUSTED, []]);
    }
    // A length that lies: nothing of it is ever buffered.
    const lie = await raw(port, {}, [framed(Buffer.from("x"), 0, 0xffff_ffff)]);
    assert.equal(lie["grpc-status"], String(Code.RESOURCE_EXHAUSTED));
  });

  it("refuses broken frames and goes on serving", async () => {
    const handled: Buffer[] = [];
    const port = await start(async (body) => {
      handled.push(body);
      return body;
    });
    const statuses = {
      notGzip: await raw(port, { "grpc-encoding": "gzip" }, [framed(Buffer.from("this is no gzip"), 1)]),
      truncatedGzip: await raw(port, { "grpc-encoding": "gzip" }, [framed(zlib.gzipSync("hello").subarray(0, 12), 1)]),
      unknownEncoding: await raw(port, { "grpc-encoding": "br" }, [framed(Buffer.from("x"), 1)]),
      noEncoding: await raw(port, {}, [framed(Buffer.from("x"), 1)]),
      identityFlagged: await raw(port, { "grpc-encoding": "identity" }, [framed(Buffer.from("x"), 1)]),
      unknownFlag: await raw(port, { "grpc-encoding": "gzip" }, [framed(zlib.gzipSync("x"), 2)]),
      noMessage: await raw(port, {}, []),
      halfPrefix: await raw(port, {}, [Buffer.from([0, 0, 0])]),
      shortMessage: await raw(port, {}, [framed(Buffer.from("x"), 0, 10)]),
      twoMessages: await raw(port, {}, [Buffer.concat([framed(Buffer.from("a")), framed(Buffer.from("b"))])]),
      badTimeout: await raw(port, { "grpc-timeout": "soon" }, [framed(Buffer.from("x"))]),
    };
    const codes = Object.fromEntries(Object.entries(statuses).map(([name, headers]) => [name, headers["grpc-status"]]));
    assert.deepEqual(codes, {
      notGzip: "3",
      truncatedGzip: "3",
      unknownEncoding: "12",
      noEncoding: "13",
      identityFlagged: "13",
      unknownFlag: "13",
      noMessage: "12",
      halfPrefix: "12",
      shortMessage: "12",
      twoMessages: "12",
      badTimeout: "13",
    });
    assert.deepEqual(handled, []);
    assert.deepEqual((await call(port, Buffer.from("still here"))).reply, Buffer.from("still here"));
  });

  it("answers what is no gRPC with an HTTP status and a gRPC one, and another method with UNIMPLEMENTED", async () => {
    const port = await start(echo);
    const answer = async (headers: object): Promise<unknown[]> => {
      const seen = await raw(port, headers, [framed(Buffer.from("x"))]);
      return [seen[":status"], seen["grpc-status"]];
    };
    for (const type of ["text/plain", "application/grpc-web+proto", "application/grpcs", ""]) {
      assert.deepEqual(await answer({ "content-type": type }), [415, "3"], type);
    }
    for (const type of ["application/grpc+proto", "application/grpc;charset=utf-8"]) {
      assert.deepEqual(await answer({ "content-type": type }), [200, "0"], type);
    }
    assert.deepEqual(await answer({ ":method": "PUT" }), [405, "13"]);
    assert.deepEqual(await answer({ ":path": "/other.Service/Method" }), [200, "12"]);
  });

  it("finishes calls under way at shutdown, refuses new ones, and is idempotent", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const server = createGrpcServer(grpcServerConfig(), settings);
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    server.addUnary(path, async (body) => {
      entered();
      await held;
      return body;
    });
    const port = await server.start();
    const pending = call(port, Buffer.from("x"));
    await inside;
    const down = server.shutdown(5000);
    assert.equal(server.shutdown(5000), down);
    const late = await call(port, Buffer.from("late"), { deadlineMs: 2000 });
    assert.equal(late.error?.code, Code.UNAVAILABLE);
    release();
    assert.deepEqual((await pending).reply, Buffer.from("x"));
    await down;
  });

  it("cuts calls off after the grace period, and stops without having started", async () => {
    const server = createGrpcServer(grpcServerConfig(), settings);
    server.addUnary(path, () => new Promise(() => {}));
    const port = await server.start();
    const pending = call(port, Buffer.from("x"));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.shutdown(10);
    assert.ok((await pending).error);
    await createGrpcServer(grpcServerConfig(), settings).shutdown(10);
  });

  it("listens on a unix socket, over a stale one, and refuses one in use", async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "flamepipe-"));
    t.after(() => rmSync(dir, { recursive: true }));
    const socket = join(dir, "otlp.sock");
    leaveStaleSocket(socket);
    let address: string | undefined;
    const input = { endpoint: socket, transport: "unix" };
    await start(async (body, ctx) => {
      address = ctx.client?.address;
      return body;
    }, input);
    assert.deepEqual((await call(`unix:${socket}`, Buffer.from("x"))).reply, Buffer.from("x"));
    assert.equal(address, "unix");
    await assert.rejects(createGrpcServer(grpcServerConfig(input), settings).start(), /address already in use/);
    const file = join(dir, "precious.txt");
    writeFileSync(file, "not a socket");
    const onFile = grpcServerConfig({ ...input, endpoint: file });
    await assert.rejects(createGrpcServer(onFile, settings).start(), /is no socket/);
    assert.equal(readFileSync(file, "utf8"), "not a socket");
  });

  it("says why it cannot listen", async () => {
    const port = await start(echo);
    for (const [endpoint, message] of [
      ["localhost", /missing port in address/],
      ["localhost:99999", /invalid port "99999"/],
      [`127.0.0.1:${port}`, /EADDRINUSE/],
    ] as const) {
      const server = createGrpcServer(grpcServerConfig({ endpoint }), settings);
      await assert.rejects(server.start(), message);
      await server.shutdown(10);
    }
  });
});

/** The socket of a listener that died without cleaning up. */
function leaveStaleSocket(file: string): void {
  const script =
    'require("node:net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))';
  assert.throws(() => execFileSync(process.execPath, ["-e", script, file]), { signal: "SIGKILL" });
  assert.ok(lstatSync(file).isSocket());
}
