import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:http2";
import { join } from "node:path";
import { afterEach, describe, it } from "node:test";
import zlib from "node:zlib";
import { otlpReceiverSchema } from "../../../receivers/otlp/config.js";
import { type PipelineError, partial, permanent, retryable, throttled } from "../../../src/component/errors.js";
import { errorFromGrpcStatus, errorFromHttpStatus } from "../../../src/net/status.js";
import { decodeExportResponse } from "../../../src/proto/export-response.js";
import { protoToJson } from "../../../src/proto/otlp-json.js";
import { decodeStatus } from "../../../src/proto/status.js";
import { grpcClient, httpClient, rejection, tlsFile } from "../../net/support.js";
import { type Rig, recorded, startReceiver } from "./support.js";

const grpcPath = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
const profilesPath = "/v1development/profiles";
const protobuf = "application/x-protobuf";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function start(...args: Parameters<typeof startReceiver>): Promise<Rig> {
  const rig = await startReceiver(...args);
  open.push(rig.close);
  return rig;
}

interface Answer {
  status: number;
  type: string | null;
  retryAfter: string | null;
  body: Buffer;
}

async function post(rig: Rig, body: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const url = `http://127.0.0.1:${rig.httpPort}${profilesPath}`;
  const response = await fetch(url, {
    method: "POST",
    body: new Uint8Array(body),
    headers: { "content-type": protobuf, ...headers },
  });
  return {
    status: response.status,
    type: response.headers.get("content-type"),
    retryAfter: response.headers.get("retry-after"),
    body: Buffer.from(await response.arrayBuffer()),
  };
}

async function call(rig: Rig, body: Buffer, input: object = {}): Promise<Buffer> {
  const client = grpcClient(rig.grpcPort, input);
  open.push(() => client.close());
  return client.unary({ path: grpcPath, body: [body], timeoutMs: 60_000 });
}

describe("otlp receiver", () => {
  it("takes the recorded requests over gRPC and HTTP, plain and compressed, byte for byte", async () => {
    const rig = await start();
    const body = recorded();
    assert.equal((await call(rig, body)).length, 0);
    assert.equal((await call(rig, body, { compression: "gzip" })).length, 0);
    for (const [coding, bytes] of Object.entries({
      identity: body,
      gzip: zlib.gzipSync(body),
      deflate: zlib.deflateSync(body),
    })) {
      const answer = await post(rig, bytes, { "content-encoding": coding });
      assert.deepEqual([answer.status, answer.type, answer.body.length], [200, protobuf, 0], coding);
    }
    assert.equal(rig.taken.length, 5);
    for (const { profiles } of rig.taken) assert.ok(Buffer.concat(profiles.encode()).equals(body));
    assert.deepEqual(
      rig.taken.map(({ ctx }) => ctx.client?.transport),
      ["grpc", "grpc", "http", "http", "http"],
    );
  });

  it("speaks HTTP/2 over TLS to clients that ask for it, and HTTP/1.1 to others", async () => {
    const tls = { cert_file: tlsFile("server.pem"), key_file: tlsFile("server-key.pem") };
    const rig = await start(undefined, {}, { http: { endpoint: "127.0.0.1:0", tls } });
    const ca = readFileSync(tlsFile("ca.pem"));
    const session = connect(`https://127.0.0.1:${rig.httpPort}`, { ca });
    open.push(async () => session.destroy());
    const stream = session.request({ ":method": "POST", ":path": profilesPath, "content-type": protobuf });
    stream.end(recorded());
    const [answer] = await once(stream.resume(), "response");
    assert.deepEqual([answer[":status"], session.alpnProtocol], [200, "h2"]);
    const client = httpClient(`https://127.0.0.1:${rig.httpPort}`, { tls: { ca_pem: ca.toString() } });
    open.push(() => client.close());
    const headers = { "content-type": protobuf };
    const { status } = await client.request({ method: "POST", url: profilesPath, body: recorded(), headers });
    assert.equal(status, 200);
    for (const { profiles } of rig.taken) assert.ok(Buffer.concat(profiles.encode()).equals(recorded()));
    assert.equal(rig.taken.length, 2);
  });

  it("takes OTLP/JSON with parameters on its media type, and answers in JSON", async () => {
    const rig = await start();
    const answer = await post(rig, protoToJson(recorded()), { "content-type": "application/json; charset=utf-8" });
    assert.deepEqual([answer.status, answer.type, answer.body.toString()], [200, "application/json", "{}"]);
    assert.equal(rig.taken[0].profiles.sampleCount > 0, true);
  });

  it("answers a request without resources at once and forwards nothing", async () => {
    const rig = await start(async () => {
      throw permanent("must not be asked");
    });
    assert.equal((await call(rig, Buffer.alloc(0))).length, 0);
    assert.equal((await post(rig, Buffer.alloc(0))).status, 200);
    assert.equal((await post(rig, Buffer.from("{}"), { "content-type": "application/json" })).status, 200);
    assert.equal(rig.taken.length, 0);
  });

  it("refuses every broken shape with 400 and a reason, and passes nothing on", async () => {
    const rig = await start();
    const folder = join("test", "fixtures", "otlp-shapes");
    const { cases } = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
    const refused = cases.filter((shape: { verdict: string }) => shape.verdict === "invalid");
    assert.ok(refused.length > 50, String(refused.length));
    for (const { file } of refused) {
      const body = readFileSync(join(folder, file));
      const answer = await post(rig, body);
      const status = decodeStatus(answer.body);
      assert.deepEqual([answer.status, answer.type, status?.code], [400, protobuf, 3], file);
      assert.ok((status?.message.length ?? 0) > 5, file);
      const error = await rejection(call(rig, body));
      assert.deepEqual([error.kind, error.code, error.message], ["permanent", 3, status?.message], file);
    }
    assert.equal(rig.taken.length, 0);
  });

  it("refuses broken JSON in JSON", async () => {
    const rig = await start();
    const bodies = [
      "",
      "{",
      "[]",
      '{"resourceProfiles": 1}',
      "\xff",
      '{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"profileId":"xyz"}]}]}]}',
    ];
    for (const body of bodies) {
      const answer = await post(rig, Buffer.from(body, "latin1"), { "content-type": "application/json" });
      assert.deepEqual([answer.status, answer.type], [400, "application/json"], body);
      const status = JSON.parse(answer.body.toString());
      assert.equal(status.code, 3);
      assert.ok(status.message.length > 5);
    }
  });

  it("answers 415, 405 and 404 as text, and unknown codings with 400", async () => {
    const rig = await start();
    assert.equal((await post(rig, recorded(), { "content-type": "text/plain" })).status, 415);
    assert.equal((await post(rig, recorded(), { "content-encoding": "br" })).status, 400);
    const base = `http://127.0.0.1:${rig.httpPort}`;
    const get = await fetch(`${base}/v1development/profiles`);
    assert.deepEqual([get.status, await get.text()], [405, "405 method not allowed, supported: [POST]"]);
    assert.equal((await fetch(`${base}/v1/traces`, { method: "POST" })).status, 404);
  });

  it("maps what the next stage says to both protocols", async () => {
    const cases: [
      name: string,
      error: Error,
      http: number,
      retryAfter: string | null,
      code: number,
      retryMs: number | undefined,
    ][] = [
      ["permanent", permanent("x"), 500, null, 13, undefined],
      ["retryable", retryable("x"), 503, null, 14, undefined],
      ["retryable with a delay", retryable("x", { retryAfterMs: 1500 }), 503, "2", 14, 1500],
      ["throttled", throttled("x", 3000), 429, "3", 8, 3000],
      ["a fault", new TypeError("x"), 500, null, 13, undefined],
      ["a backend's 401", errorFromHttpStatus(401, "x", undefined), 401, null, 16, undefined],
      ["a backend's PERMISSION_DENIED", errorFromGrpcStatus(7, "x", undefined), 403, null, 7, undefined],
      ["a backend's quota", errorFromGrpcStatus(8, "x", undefined), 413, null, 8, undefined],
    ];
    let current: Error = permanent("none");
    const rig = await start(() => Promise.reject(current));
    for (const [name, error, http, retryAfter, code, retryMs] of cases) {
      current = error;
      const answer = await post(rig, recorded());
      const status = decodeStatus(answer.body);
      assert.deepEqual(
        [answer.status, answer.retryAfter, status?.code, status?.retryDelayMs],
        [http, retryAfter, code, retryMs],
        name,
      );
      const caught: PipelineError = await rejection(call(rig, recorded()));
      assert.deepEqual([caught.code, caught.retryAfterMs], [code, retryMs], name);
    }
  });

  it("answers a partial refusal with success and the count", async () => {
    const rig = await start(() => Promise.reject(partial("3 samples were too old", 3)));
    const expected = { rejectedProfiles: 3n, errorMessage: "3 samples were too old" };
    assert.deepEqual(decodeExportResponse(await call(rig, recorded())), expected);
    const answer = await post(rig, recorded());
    assert.deepEqual([answer.status, decodeExportResponse(answer.body)], [200, expected]);
    const json = await post(rig, protoToJson(recorded()), { "content-type": "application/json" });
    assert.deepEqual(JSON.parse(json.body.toString()), {
      partialSuccess: { rejectedProfiles: "3", errorMessage: "3 samples were too old" },
    });
  });

  it("answers only when the next stage has", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const rig = await start(() => held);
    let answered = 0;
    const pending = [call(rig, recorded()), post(rig, recorded())].map((one) => one.then(() => answered++));
    while (rig.taken.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(answered, 0);
    release();
    await Promise.all(pending);
  });

  it("bounds the bytes in flight over both protocols, and says when to come back", async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const rig = await start(() => held, { max_in_flight_bytes: recorded().length + 1000 });
    const first = call(rig, recorded());
    while (rig.taken.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const overHttp = await post(rig, recorded());
    assert.deepEqual([overHttp.status, overHttp.retryAfter, decodeStatus(overHttp.body)?.code], [429, "1", 8]);
    const overGrpc = await rejection(call(rig, recorded()));
    assert.deepEqual([overGrpc.kind, overGrpc.code, overGrpc.retryAfterMs], ["retryable", 8, 1000]);
    release();
    await first;
    assert.equal((await post(rig, recorded())).status, 200);
  });

  it("refuses what is over its limits with 413 and RESOURCE_EXHAUSTED", async () => {
    const protocols = {
      grpc: { endpoint: "127.0.0.1:0", max_recv_msg_size_mib: 1 },
      http: { endpoint: "127.0.0.1:0", max_request_body_size: 1024 * 1024 },
    };
    const rig = await start(undefined, {}, protocols);
    const large = Buffer.alloc(1024 * 1024 + 1);
    const bomb = zlib.gzipSync(Buffer.alloc(20_000_000));
    assert.equal((await post(rig, bomb, { "content-encoding": "gzip" })).status, 413);
    assert.equal((await post(rig, large).catch(() => ({ status: 413 }))).status, 413);
    for (const compression of ["none", "gzip"]) {
      const error = await rejection(call(rig, large, { compression }));
      assert.deepEqual([error.kind, error.code], ["permanent", 8], compression);
    }
    assert.equal(rig.taken.length, 0);
  });

  it("translates older layouts, logs a client once and counts every request", async () => {
    const rig = await start();
    const folder = join("test", "fixtures", "otlp-shapes", "older");
    const files = readdirSync(folder).filter((file) => file.endsWith(".pb") && !file.includes("current"));
    for (const file of files) await call(rig, readFileSync(join(folder, file)));
    const layouts = rig.taken.map(({ profiles }) => profiles.layout).filter((layout) => layout !== "1.10");
    assert.ok(layouts.length > 10, String(layouts.length));
    assert.deepEqual(
      rig.lines.filter((line) => line.startsWith("warn")),
      ["warn A client sends profiles in an older layout; they are translated"],
    );
    const text = await rig.settings.metrics.text();
    const counted = [...text.matchAll(/^flamepipe_translated_requests_total\{layout="1\.[89]"\} (\d+)$/gm)];
    assert.equal(
      counted.reduce((sum, [, n]) => sum + Number(n), 0),
      layouts.length,
    );
  });

  it("stops without having started, and twice", async () => {
    const rig = await startReceiver();
    await rig.close();
    await rig.close();
    await assert.rejects(post(rig, recorded()));
  });
});

describe("otlp receiver keys", () => {
  it("have the documented defaults", () => {
    const config = otlpReceiverSchema.parse({ protocols: { grpc: {}, http: {} } });
    assert.deepEqual(
      [
        config.protocols.grpc?.endpoint,
        config.protocols.grpc?.max_recv_msg_size_mib,
        config.protocols.http?.endpoint,
        config.protocols.http?.max_request_body_size,
        config.max_in_flight_bytes,
      ],
      ["localhost:4317", 64, "localhost:4318", 67_108_864, 268_435_456],
    );
  });

  it("want a protocol and sensible values", () => {
    const message = (input: object) => otlpReceiverSchema.safeParse(input).error?.issues[0].message;
    assert.equal(message({}), "must specify at least one protocol when using the OTLP receiver");
    assert.equal(
      message({ protocols: { grpc: { max_recv_msg_size_mib: -1 } } }),
      "invalid max_recv_msg_size_mib value, must be between 1 and 2047",
    );
    assert.equal(message({ protocols: { grpc: { read_buffer_size: -1 } } }), "invalid read_buffer_size value: -1");
    assert.equal(
      message({ protocols: { grpc: { transport: "carrier-pigeon" } } }),
      'invalid transport type "carrier-pigeon"',
    );
  });
});
