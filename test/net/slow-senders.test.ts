import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { connect as connectTcp } from "node:net";
import { afterEach, describe, it, type TestContext } from "node:test";
import { Code, type PipelineError } from "../../src/component/errors.js";
import { createByteBudget } from "../../src/net/byte-budget.js";
import { createHttpServer } from "../../src/net/http-server.js";
import { until } from "../support/until.js";
import { httpServerConfig, path, settings, startGrpcServer } from "./support.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** What waits for a stream to close would wait for ever. */
const bounded = { timeout: 60_000 };
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function connected(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`).on("error", () => {});
  open.push(() => session.destroy());
  await once(session, "remoteSettings");
  return session;
}

/** A request whose client never says that it has ended. */
function begin(session: ClientHttp2Session, headers: object, sent: Buffer): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": path, ...headers }).on("error", () => {});
  stream.write(sent);
  return stream;
}

describe("a gRPC client that never ends its request", bounded, () => {
  const grpc = { "content-type": "application/grpc", te: "trailers" };
  const partOfMany = Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]);

  async function serve(): Promise<ClientHttp2Session> {
    const server = await startGrpcServer(async (body) => body);
    open.push(server.close);
    return connected(server.port);
  }

  it("is rid of once it is refused", async () => {
    const session = await serve();
    for (const [headers, code] of [
      [{ ...grpc, "grpc-timeout": "soon" }, Code.INTERNAL],
      [{ ...grpc, "grpc-timeout": "1m" }, Code.DEADLINE_EXCEEDED],
    ] as const) {
      const stream = begin(session, headers, partOfMany);
      const [answer] = await once(stream, "response");
      assert.equal(Number(answer["grpc-status"]), code);
      stream.resume();
      await once(stream, "close");
      assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
    }
  });

  it("is refused after five minutes, whatever deadline it names", async (t) => {
    const session = await serve();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    for (const timeout of [{}, { "grpc-timeout": "1H" }]) {
      const stream = begin(session, { ...grpc, ...timeout }, partOfMany);
      let answer: Record<string, unknown> | undefined;
      stream.on("response", (headers) => {
        answer = headers;
      });
      // The server has seen the request when it answers a later one.
      await new Promise((resolve) => session.ping(resolve));
      t.mock.timers.tick(299_999);
      await new Promise((resolve) => session.ping(resolve));
      assert.equal(answer, undefined);
      t.mock.timers.tick(1);
      await until(() => answer !== undefined, turn);
      assert.equal(Number(answer?.["grpc-status"]), Code.DEADLINE_EXCEEDED);
      assert.equal(decodeURI(String(answer?.["grpc-message"])), "The request took too long to arrive");
    }
  });

  it("has no more than a thousand requests on a connection", async () => {
    const session = await serve();
    assert.equal(session.remoteSettings.maxConcurrentStreams, 1000);
  });
});

describe("a gRPC call that has arrived", bounded, () => {
  async function answeredWith(t: TestContext, headers: object, afterMs: number): Promise<string> {
    let finish = (): void => {};
    const server = await startGrpcServer(
      (body) =>
        new Promise((resolve) => {
          finish = () => resolve(body);
        }),
    );
    open.push(server.close);
    const session = await connected(server.port);
    const idle = finish;
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const stream = begin(session, { "content-type": "application/grpc", ...headers }, Buffer.from([0, 0, 0, 0, 1, 7]));
    stream.end().resume();
    let status = "";
    stream.on("response", (response) => {
      status = String(response["grpc-status"] ?? status);
    });
    stream.on("trailers", (trailers) => {
      status = String(trailers["grpc-status"]);
    });
    await until(() => finish !== idle, turn);
    t.mock.timers.tick(afterMs);
    finish();
    await until(() => status !== "", turn);
    t.mock.timers.reset();
    return status;
  }

  it("may take longer to be answered, up to its deadline", async (t) => {
    assert.equal(await answeredWith(t, {}, 3_600_000), "0");
    assert.equal(await answeredWith(t, { "grpc-timeout": "1H" }, 3_599_000), "0");
    assert.equal(await answeredWith(t, { "grpc-timeout": "1H" }, 3_600_000), String(Code.DEADLINE_EXCEEDED));
  });
});

describe("an HTTP client that announces a body and doesn't send it", bounded, () => {
  const maxBytes = 100_000;

  async function serve(config: object, http2: boolean) {
    const budget = createByteBudget(maxBytes);
    const bodies: Buffer[] = [];
    const server = createHttpServer({
      config: httpServerConfig(config),
      settings,
      routes: [
        {
          path,
          methods: ["POST"],
          async handle(_request, body) {
            bodies.push(body);
            return { status: 200 };
          },
          fail: (error: PipelineError) => ({ status: error.httpStatus ?? 500 }),
        },
      ],
      budget,
      http2,
    });
    open.push(() => server.shutdown(50));
    return { port: await server.start(), budget, bodies };
  }

  it("takes no room from others", async () => {
    const { port, budget, bodies } = await serve({}, false);
    for (let n = 1; n <= 3; n++) {
      const socket = connectTcp(port, "127.0.0.1");
      open.push(() => socket.destroy());
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\nx`);
      await until(() => budget.usedBytes === n);
    }
    const body = Buffer.alloc(maxBytes - 3, 5);
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", body });
    assert.equal(answer.status, 200);
    assert.deepEqual(bodies, [body]);
    assert.equal(budget.usedBytes, 3);
  });

  it("is reset after read_timeout over HTTP/2 as well", async () => {
    const { port, budget } = await serve({ read_timeout: "50ms" }, true);
    const stream = begin(await connected(port), { "content-length": "10" }, Buffer.from("part"));
    await once(stream, "close");
    assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL);
    await until(() => budget.usedBytes === 0);
  });
});
