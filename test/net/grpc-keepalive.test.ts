import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { afterEach, describe, it, type TestContext } from "node:test";
import { countStream, startKeepalive } from "../../src/net/grpc-connection.js";
import { startScripted } from "./scripted-server.js";
import { grpcClient, path, startGrpcServer } from "./support.js";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

describe("keepalive of a gRPC client", () => {
  const longAgo = (): number => Number.NEGATIVE_INFINITY;

  async function connected(): Promise<{ session: ClientHttp2Session; pings: () => number; silence(): void }> {
    const server = await startScripted(() => {});
    let pings = 0;
    server.server.on("session", (session) => session.on("ping", () => pings++));
    const session = connect(`http://127.0.0.1:${server.port}`).on("error", () => {});
    open.push(
      () => server.close(),
      () => session.destroy(),
    );
    await once(session, "remoteSettings");
    return {
      session,
      pings: () => pings,
      silence: () => {
        for (const socket of server.sockets) socket.pause();
      },
    };
  }

  /** The settings of a configuration, with timers that the test moves. */
  function keep(t: TestContext, session: ClientHttp2Session, lastHeardMs: () => number, withoutStream = false): void {
    t.mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
    startKeepalive(session, { time: 10_000, timeout: 3_000, permit_without_stream: withoutStream }, lastHeardMs);
  }

  it("pings a busy connection from which nothing came, and keeps one that answers", async (t) => {
    const { session, pings } = await connected();
    keep(t, session, longAgo);
    countStream(session, 1);
    t.mock.timers.tick(9_999);
    assert.equal(pings(), 0);
    t.mock.timers.tick(1);
    while (pings() < 1) await new Promise((resolve) => setImmediate(resolve));
    // The answer has come once a later ping's has.
    await new Promise((resolve) => session.ping(resolve));
    t.mock.timers.tick(3_000);
    assert.equal(session.destroyed, false);
  });

  it("leaves idle connections alone, unless told otherwise", async (t) => {
    const { session, pings } = await connected();
    keep(t, session, longAgo);
    t.mock.timers.tick(30_000);
    await new Promise((resolve) => session.ping(resolve));
    assert.equal(pings(), 1, "only the test's own");
    t.mock.timers.reset();
    keep(t, session, longAgo, true);
    t.mock.timers.tick(10_000);
    await new Promise((resolve) => session.ping(resolve));
    assert.equal(pings(), 3);
  });

  it("doesn't ping while there is something to hear", async (t) => {
    const { session, pings } = await connected();
    keep(t, session, () => performance.now());
    countStream(session, 1);
    t.mock.timers.tick(60_000);
    await new Promise((resolve) => session.ping(resolve));
    assert.equal(pings(), 1, "only the test's own");
  });

  it("gives up a connection that doesn't answer", async (t) => {
    const { session, silence } = await connected();
    silence();
    keep(t, session, longAgo);
    countStream(session, 1);
    t.mock.timers.tick(10_000);
    t.mock.timers.tick(2_999);
    assert.equal(session.destroyed, false);
    t.mock.timers.tick(1);
    assert.equal(session.destroyed, true);
  });
});

describe("keepalive of a gRPC server", () => {
  const parameters = (server_parameters: object): object => ({ keepalive: { server_parameters } });

  it("closes connections whose other end doesn't answer pings", async () => {
    const server = await startGrpcServer(async (body) => body, parameters({ time: "40ms", timeout: "40ms" }));
    open.push(server.close);
    const socket = connectTcp(server.port, "127.0.0.1").on("error", () => {});
    // An HTTP/2 preface and empty SETTINGS, then nothing more.
    socket.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1"));
    socket.resume();
    await once(socket, "close");
  });

  it("keeps connections that answer", async () => {
    const server = await startGrpcServer(async (body) => body, parameters({ time: "20ms", timeout: "2s" }));
    open.push(server.close);
    const session = connect(`http://127.0.0.1:${server.port}`).on("error", () => {});
    open.push(() => session.destroy());
    for (let pings = 0; pings < 3; pings++) await once(session, "ping");
    assert.equal(session.closed, false);
  });

  it("closes connections that are idle or old, and no calls on them", async () => {
    for (const limit of [{ max_connection_idle: "500ms" }, { max_connection_age: "500ms" }]) {
      let finish = (): void => {};
      const server = await startGrpcServer(
        (body) =>
          new Promise((resolve) => {
            finish = () => resolve(body);
          }),
        parameters(limit),
      );
      open.push(server.close);
      const session = connect(`http://127.0.0.1:${server.port}`).on("error", () => {});
      const goaway = once(session, "goaway");
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      stream.end(Buffer.from([0, 0, 0, 0, 0]));
      const status = once(stream, "trailers").then(([trailers]) => trailers["grpc-status"]);
      if ("max_connection_age" in limit) await goaway;
      else await new Promise((resolve) => setTimeout(resolve, 700));
      assert.equal(stream.closed, false, "a call is under way");
      finish();
      stream.resume();
      assert.equal(Number(await status), 0);
      await goaway;
      await once(session, "close");
    }
  });

  it("a client's call survives a connection that was closed for its age", async () => {
    const server = await startGrpcServer(async (body) => body, parameters({ max_connection_age: "30ms" }));
    open.push(server.close);
    const client = grpcClient(server.port);
    open.push(() => client.close());
    const until = performance.now() + 300;
    while (performance.now() < until) {
      const reply = await client.unary({ path, body: [Buffer.from("x")], timeoutMs: 60_000 });
      assert.equal(reply.toString(), "x");
    }
  });
});
