import assert from "node:assert/strict";
import { connect } from "node:http2";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { Code, permanent } from "../../src/component/errors.js";
import { createByteBudget } from "../../src/net/byte-budget.js";
import { createGrpcServer, type UnaryHandler } from "../../src/net/grpc-server.js";
import { until } from "../support/until.js";
import { grpcClient, grpcServerConfig, path, settings } from "./support.js";

const mebibyte = 1024 * 1024;
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function serve(handler: UnaryHandler, maxBytes: number) {
  const budget = createByteBudget(maxBytes);
  const server = createGrpcServer(grpcServerConfig(), settings);
  server.addUnary(path, handler, budget);
  const port = await server.start();
  open.push(() => server.shutdown(100));
  return { budget, port };
}

async function call(port: number, body: Buffer, input: object = {}): Promise<Buffer> {
  const client = grpcClient(port, input);
  open.push(() => client.close());
  return client.unary({ path, body: [body], timeoutMs: 60_000 });
}

describe("room for the messages of gRPC calls", () => {
  it("is held until the answer, and refused with a delay where there is none", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const rig = await serve(async (body) => {
      await held;
      return body.subarray(0, 1);
    }, mebibyte);
    const first = call(rig.port, Buffer.alloc(700_000));
    await until(() => rig.budget.usedBytes === 700_000);
    await assert.rejects(call(rig.port, Buffer.alloc(400_000)), {
      kind: "retryable",
      code: Code.RESOURCE_EXHAUSTED,
      retryAfterMs: 1000,
      message: /too many bytes in flight; try again/,
    });
    assert.equal(rig.budget.usedBytes, 700_000);
    release();
    await first;
    assert.equal(rig.budget.usedBytes, 0);
  });

  it("counts a compressed message as what it decompresses to", async () => {
    let used = 0;
    const rig = await serve(async (body) => {
      used = rig.budget.usedBytes;
      return body.subarray(0, 1);
    }, mebibyte);
    await call(rig.port, Buffer.alloc(1_000_000), { compression: "gzip" });
    assert.equal(used, 1_000_000);
    assert.equal(rig.budget.usedBytes, 0);
    await assert.rejects(call(rig.port, Buffer.alloc(1_100_000), { compression: "gzip" }), { kind: "retryable" });
    assert.equal(rig.budget.usedBytes, 0);
  });

  it("is given back by handlers that refuse, at once or later", async () => {
    const refusals: UnaryHandler[] = [
      () => {
        throw permanent("at once");
      },
      () => Promise.reject(permanent("later")),
    ];
    const rig = await serve((body, ctx) => (refusals.shift() as UnaryHandler)(body, ctx), mebibyte);
    await assert.rejects(call(rig.port, Buffer.alloc(100_000)), /at once/);
    await assert.rejects(call(rig.port, Buffer.alloc(100_000)), /later/);
    assert.equal(rig.budget.usedBytes, 0);
  });

  it("is taken by what was sent, not by what was announced, and given back when the client goes", async () => {
    const rig = await serve(async (body) => body, 8 * mebibyte);
    const session = connect(`http://127.0.0.1:${rig.port}`).on("error", () => {});
    open.push(() => session.destroy());
    const begun = Buffer.from([0, 0, 0x40, 0, 0, 1, 2, 3]); // 3 bytes of 4 MiB
    const streams = Array.from({ length: 100 }, () => {
      const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
      const stream = session.request(headers).on("error", () => {});
      stream.write(begun);
      return stream;
    });
    await until(() => rig.budget.usedBytes === 100 * 3);
    for (const stream of streams) stream.close();
    await until(() => rig.budget.usedBytes === 0);
  });

  it("stays taken by a handler that works on although its client has gone", async () => {
    let finish = (): void => {};
    const rig = await serve(
      (body, ctx) =>
        new Promise((resolve) => {
          ctx.signal?.addEventListener("abort", () => {
            finish = () => resolve(body);
          });
        }),
      mebibyte,
    );
    const session = connect(`http://127.0.0.1:${rig.port}`).on("error", () => {});
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
    const stream = session.request(headers).on("error", () => {});
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100)]));
    await until(() => rig.budget.usedBytes === 100);
    session.destroy();
    const idle = finish;
    await until(() => finish !== idle);
    assert.equal(rig.budget.usedBytes, 100);
    finish();
    await until(() => rig.budget.usedBytes === 0);
  });

  it("is given back for a message that can't be decompressed", async () => {
    const rig = await serve(async (body) => body, mebibyte);
    const session = connect(`http://127.0.0.1:${rig.port}`).on("error", () => {});
    open.push(() => session.destroy());
    const broken = zlib.gzipSync(Buffer.alloc(1000)).fill(0xff, 12);
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", "grpc-encoding": "gzip" };
    const stream = session.request(headers).on("error", () => {});
    const answered = new Promise<Record<string, unknown>>((resolve) => stream.on("response", resolve));
    stream.end(Buffer.concat([Buffer.from([1, 0, 0, 0, broken.length]), broken]));
    assert.equal(Number((await answered)["grpc-status"]), Code.INVALID_ARGUMENT);
    assert.equal(rig.budget.usedBytes, 0);
  });
});
