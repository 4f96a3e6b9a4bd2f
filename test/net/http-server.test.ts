import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import type { Context } from "../../src/component/context.js";
import { badInput } from "../../src/component/errors.js";
import { createByteBudget } from "../../src/net/byte-budget.js";
import { createHttpServer, type HttpServerRequest } from "../../src/net/http-server.js";
import { until } from "../support/until.js";
import { closeAll, route, type Seen, send, start, talk } from "./http-rig.js";
import { httpServerConfig, settings } from "./support.js";

afterEach(closeAll);

describe("HTTP server", () => {
  it("hands the body over, plain and in every coding, with and without a length", async () => {
    const seen: Seen[] = [];
    const port = await start({}, seen);
    const body = Buffer.from("profiles ".repeat(20_000));
    const packed = { gzip: zlib.gzipSync(body), zlib: zlib.deflateSync(body), deflate: zlib.deflateSync(body) };
    assert.equal((await send(port, { body })).status, 200);
    assert.equal((await send(port, { body: [body.subarray(0, 7), body.subarray(7)] })).status, 200);
    for (const [coding, bytes] of Object.entries(packed)) {
      assert.equal((await send(port, { body: bytes, headers: { "content-encoding": coding } })).status, 200);
    }
    assert.equal((await send(port)).status, 200);
    assert.deepEqual(
      seen.map((one) => one.body.equals(body)),
      [true, true, true, true, true, false],
    );
    assert.equal(seen[5].body.length, 0);
  });

  it("says who calls, with the headers only if asked to", async () => {
    const seen: Seen[] = [];
    await send(await start({}, seen), { path: "/in?a=1&b=2", headers: { "X-Tenant": "t1" } });
    await send(await start({ include_metadata: true }, seen), { headers: { "X-Tenant": "t1" } });
    assert.match(seen[0].ctx.client?.address ?? "", /^127\.0\.0\.1:\d+$/);
    assert.equal(seen[0].ctx.client?.transport, "http");
    assert.equal(seen[0].request.query.get("b"), "2");
    assert.equal(seen[0].ctx.metadata.size, 0);
    assert.deepEqual(seen[1].ctx.metadata.get("x-tenant"), ["t1"]);
  });

  it("answers 404, 405 and what the route's check says, before it reads a body", async () => {
    const seen: Seen[] = [];
    const check = (request: HttpServerRequest) => (request.headers["x-no"] ? { status: 415 } : undefined);
    const port = await start({}, seen, { check });
    assert.equal((await send(port, { path: "/other" })).status, 404);
    const refused = await send(port, { method: "PUT" });
    assert.deepEqual(
      [refused.status, refused.headers.allow, refused.body],
      [405, "POST", "405 method not allowed, supported: [POST]"],
    );
    assert.equal((await send(port, { headers: { "x-no": "1" } })).status, 415);
    const unread = await talk(port, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\npart");
    assert.match(unread, /^HTTP\/1\.1 404 [\s\S]*connection: close/i);
    assert.deepEqual(seen, []);
  });

  it("refuses what is over the cap: by its declared length, by count, and after decompression", async () => {
    const seen: Seen[] = [];
    const port = await start({ max_request_body_size: 1000 }, seen);
    const declared = await talk(port, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    assert.match(declared, /^HTTP\/1\.1 413 [\s\S]*connection: close/i);
    assert.equal((await send(port, { body: [Buffer.alloc(600), Buffer.alloc(401)] })).status, 413);
    const bomb = await send(port, { body: zlib.gzipSync(Buffer.alloc(1001)), headers: { "content-encoding": "gzip" } });
    assert.deepEqual([bomb.status, bomb.body], [413, "request body is larger than 1000 bytes"]);
    assert.equal((await send(port, { body: Buffer.alloc(1000) })).status, 200);
    assert.equal(
      (await send(port, { body: zlib.gzipSync(Buffer.alloc(1000)), headers: { "content-encoding": "gzip" } })).status,
      200,
    );
    assert.deepEqual(
      seen.map((one) => one.body.length),
      [1000, 1000],
    );
  });

  it("refuses codings that are unknown, chained or switched off, and bodies that are broken", async () => {
    const port = await start({ compression_algorithms: ["", "gzip", "zlib"] });
    const body = zlib.gzipSync("hello");
    const answers = [];
    for (const coding of ["br", "gzip, gzip", "deflate"])
      answers.push(await send(port, { body, headers: { "content-encoding": coding } }));
    answers.push(await send(port, { body: body.subarray(0, 15), headers: { "content-encoding": "gzip" } }));
    answers.push(await send(port, { body, headers: { "content-encoding": "zlib" } }));
    assert.deepEqual(
      answers.map((answer) => answer.status),
      [400, 400, 400, 400, 400],
    );
    assert.equal(answers[0].body, "unsupported Content-Encoding: br");
  });

  it("answers 429 when the byte budget is used up, and gives all of it back", async () => {
    const budget = createByteBudget(1000);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const handle = async (_request: HttpServerRequest, body: Buffer) => {
      if (body[0] === 1) entered();
      if (body[0] === 1) await held;
      return { status: 200 };
    };
    const port = await start({}, [], { handle }, { budget });
    const first = send(port, { body: Buffer.alloc(700, 1) });
    await inside;
    assert.equal((await send(port, { body: Buffer.alloc(400) })).status, 429);
    assert.equal((await send(port, { body: [Buffer.alloc(200), Buffer.alloc(200)] })).status, 429);
    const grows = await send(port, { body: zlib.gzipSync(Buffer.alloc(400)), headers: { "content-encoding": "gzip" } });
    assert.equal(grows.status, 429);
    assert.equal((await send(port, { body: Buffer.alloc(300) })).status, 200);
    release();
    assert.equal((await first).status, 200);
    assert.equal(budget.usedBytes, 0);
    assert.equal((await send(port, { body: Buffer.alloc(1000) })).status, 200);
  });

  it("lets go of a client that breaks off in the middle of its body", async () => {
    const budget = createByteBudget(10_000);
    const port = await start({}, [], {}, { budget });
    const socket = connect(port, "127.0.0.1");
    socket.write("POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\npart");
    await until(() => budget.usedBytes > 0);
    assert.equal(budget.usedBytes, "part".length);
    socket.destroy();
    await until(() => budget.usedBytes === 0);
  });

  it("aborts the handler's signal when the client goes away", async () => {
    let aborted = (): void => {};
    const gone = new Promise<void>((resolve) => {
      aborted = resolve;
    });
    let socket: Socket | undefined;
    const handle = (_request: HttpServerRequest, _body: Buffer, ctx: Context) => {
      ctx.signal?.addEventListener("abort", aborted);
      socket?.destroy();
      return gone.then(() => ({ status: 200 }));
    };
    const port = await start({}, [], { handle });
    socket = connect(port, "127.0.0.1");
    socket.write("POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    await gone;
  });

  it("turns away slow headers and slow bodies", async () => {
    const slowHeaders = await start({ read_header_timeout: "100ms" });
    assert.match(await talk(slowHeaders, "POST /in HTTP/1.1\r\nHost: x\r\n"), /^HTTP\/1\.1 408 /);
    const slowBody = await start({ read_timeout: "100ms" });
    assert.match(
      await talk(slowBody, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\npart"),
      /^HTTP\/1\.1 408 /,
    );
  });

  it("refuses what is no HTTP, conflicting lengths and oversized headers, and goes on serving", async () => {
    const port = await start({});
    assert.match(await talk(port, "no HTTP at all\r\n\r\n"), /^HTTP\/1\.1 400 /);
    const smuggled = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert.match(await talk(port, smuggled), /^HTTP\/1\.1 400 /);
    assert.match(await talk(port, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await talk(port, `POST /in HTTP/1.1\r\nX: ${"y".repeat(70_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
    assert.equal((await send(port)).status, 200);
  });

  it("answers failures of the handler by its route", async () => {
    const handle = async () => {
      throw badInput("index out of range");
    };
    const thrown = () => {
      throw new TypeError("fault");
    };
    assert.deepEqual(await send(await start({}, [], { handle })).then((answer) => [answer.status, answer.body]), [
      400,
      "index out of range",
    ]);
    assert.deepEqual(
      await send(await start({}, [], { handle: thrown })).then((answer) => [answer.status, answer.body]),
      [500, "fault"],
    );
  });

  it("adds the configured headers, and keeps connections only where that is allowed", async () => {
    for (const added of [{ "X-Served-By": "flamepipe" }, [{ name: "X-Served-By", value: "flamepipe" }]]) {
      const kept = await send(await start({ response_headers: added }));
      assert.equal(kept.headers["x-served-by"], "flamepipe");
    }
    const closed = await send(await start({ keep_alives_enabled: false }), { headers: { connection: "keep-alive" } });
    assert.equal(closed.headers.connection, "close");
  });

  it("speaks to browsers by its cors block, and to none without one", async () => {
    const cors = {
      allowed_origins: ["https://*.example.com"],
      allowed_headers: ["X-Tenant"],
      exposed_headers: ["x-id"],
      max_age: 600,
    };
    const port = await start({ cors });
    const preflight = (origin: string, headers: string) =>
      send(port, {
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST", "access-control-request-headers": headers },
      });
    const good = await preflight("https://app.example.com", "x-tenant, content-type");
    assert.equal(good.status, 204);
    assert.equal(good.headers["access-control-allow-origin"], "https://app.example.com");
    assert.equal(good.headers["access-control-allow-headers"], "x-tenant, content-type");
    assert.equal(good.headers["access-control-max-age"], "600");
    assert.equal((await preflight("https://example.com.evil", "x-tenant")).status, 405);
    assert.equal((await preflight("https://app.example.com", "x-other")).status, 405);
    const answer = await send(port, { headers: { origin: "https://app.example.com" } });
    assert.deepEqual(
      [answer.headers["access-control-allow-origin"], answer.headers["access-control-expose-headers"]],
      ["https://app.example.com", "x-id"],
    );
    const stranger = await send(await start({}), { headers: { origin: "https://app.example.com" } });
    assert.equal(stranger.headers["access-control-allow-origin"], undefined);
  });

  it("ends connections that said nothing at shutdown at once, others after the grace period", async () => {
    for (const http2 of [false, true]) {
      for (const [said, graceMs] of [
        ["", http2 ? 60_000 : 50],
        ["P", 50],
        ["POST /in HTTP/1.1\r\n", 50],
      ] as const) {
        const server = createHttpServer({ config: httpServerConfig({}), settings, routes: [route([], {})], http2 });
        const socket = connect(await server.start(), "127.0.0.1");
        await once(socket, "connect");
        socket.on("error", () => {});
        if (said !== "") await new Promise((resolve) => socket.write(said, resolve));
        const closed = new Promise((resolve) => socket.resume().once("close", resolve));
        await Promise.all([server.shutdown(graceMs), closed]);
      }
    }
  });

  it("finishes requests under way at shutdown and refuses new ones", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const handle = async () => {
      entered();
      await held;
      return { status: 200 };
    };
    const server = createHttpServer({ config: httpServerConfig(), settings, routes: [route([], { handle })] });
    const port = await server.start();
    const pending = send(port);
    await inside;
    const down = server.shutdown(5000);
    assert.equal(server.shutdown(5000), down);
    await assert.rejects(send(port), { code: "ECONNREFUSED" });
    release();
    assert.equal((await pending).status, 200);
    await down;
  });

  it("listens on a unix socket", async (t) => {
    const dir = mkdtempSync(join(tmpdir(), "flamepipe-"));
    t.after(() => rmSync(dir, { recursive: true }));
    const socketPath = join(dir, "http.sock");
    const seen: Seen[] = [];
    assert.equal(await start({ transport: "unix", endpoint: socketPath }, seen), 0);
    assert.equal((await send(0, { socketPath })).status, 200);
    assert.equal(seen[0].ctx.client?.address, "unix");
  });

  it("says why it cannot listen", async () => {
    const port = await start({});
    await assert.rejects(start({ endpoint: `127.0.0.1:${port}` }), { code: "EADDRINUSE" });
    await assert.rejects(start({ endpoint: "localhost" }), { message: "address localhost: missing port in address" });
  });
});
