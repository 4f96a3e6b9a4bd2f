import assert from "node:assert/strict";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { after, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Code } from "../../src/component/errors.js";
import { until } from "../support/until.js";
import { h2Field, h2Frame, startStalling } from "./stalling-server.js";
import { grpcClient, path, rejection } from "./support.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Headers, and trailers whose block goes on. */
const halfTrailers = Buffer.concat([
  h2Frame(1, 4, 1, Buffer.concat([h2Field(":status", "200"), h2Field("content-type", "application/grpc")])),
  h2Frame(1, 1, 1, h2Field("x", "z".repeat(100))),
]);

const nativeOf = (owner: object): object | undefined => {
  const field = Object.getOwnPropertySymbols(owner).find(({ description }) => description === "kHandle");
  return field && Reflect.get(owner, field);
};

/** Keeps the streams of all sessions of this process, with what is native of them, and watches the sessions'. */
function keepStreams(port: number): { streams: unknown[]; sessions: WeakRef<object>[] } {
  const kept = { streams: [] as unknown[], sessions: [] as WeakRef<object>[] };
  const any = connect(`http://127.0.0.1:${port}`);
  const prototype = Object.getPrototypeOf(any) as ClientHttp2Session;
  any.destroy();
  const { request } = prototype;
  prototype.request = function (this: ClientHttp2Session, ...args): ClientHttp2Stream {
    const stream = request.apply(this, args);
    kept.streams.push(stream, nativeOf(stream) ?? assert.fail("a stream without its native half"));
    kept.sessions.push(new WeakRef(nativeOf(this) ?? assert.fail("a session without its native half")));
    return stream;
  };
  after(() => {
    prototype.request = request;
  });
  return kept;
}

it("a connection that breaks amid trailers, its request half written, is freed after its stream", async () => {
  const server = await startStalling(halfTrailers);
  after(() => server.close());
  const kept = keepStreams(server.port);
  const client = grpcClient(server.port);
  const call = { path, body: [Buffer.alloc(8_000_000)], timeoutMs: 300 };
  assert.equal((await rejection(client.unary(call))).code, Code.DEADLINE_EXCEEDED);
  await client.close();
  for (let round = 0; round < 3; round++) {
    // Node aborts here if it finds the session first.
    collectGarbage();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(kept.sessions[0].deref(), "the session was freed while its stream was there");
  kept.streams.length = 0;
  await until(() => {
    collectGarbage();
    return kept.sessions[0].deref() === undefined;
  });
});
