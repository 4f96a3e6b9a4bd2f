import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { partial, permanent, retryable, throttled } from "../../../src/component/errors.js";
import { createSink, errConsumer } from "../../support/consumers.js";
import { grpcStatus, post, type Reply, send } from "./client.js";
import { cpuLabels, cpuPprof, cpuPush, pushHeaders, pushPath, pushRequest, startReceiver, summary } from "./setup.js";

const errorOf = (reply: Reply) => ({ status: reply.status, ...JSON.parse(reply.body.toString()) });

function grpc(message: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

test("labels become attributes of the resource, __name__ the profiles' name; a pprof stays one capture", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const labels = {
    __name__: "block",
    service_name: "orders",
    region: "eu",
    __delta__: "false",
    __session_id__: "abc",
    __type__: "bogus",
    empty: "",
    "otel.scope.name": "x",
  };
  const other = { __name__: "process_cpu", service_name: "users" };
  const body = pushRequest({ labels, profiles: [cpuPprof, cpuPprof] }, { labels: other, profiles: [cpuPprof] });
  const reply = await post(port, pushPath, pushHeaders, body);
  assert.deepEqual([reply.status, reply.body.length, reply.headers["content-type"]], [200, 0, "application/proto"]);
  assert.equal(sink.taken.length, 1);
  const found = summary(sink.taken[0].profiles);
  const resource = {
    "service.name": "orders",
    region: "eu",
    __delta__: "false",
    __session_id__: "abc",
    "otel.scope.name": "x",
  };
  assert.deepEqual(
    found.map((one) => [one.resource, one.name, one.type, one.total]),
    [
      [resource, "block", "samples/count", 63n],
      [resource, "block", "cpu/nanoseconds", 630000000n],
      [resource, "block", "samples/count", 63n],
      [resource, "block", "cpu/nanoseconds", 630000000n],
      [{ "service.name": "users" }, "process_cpu", "samples/count", 63n],
      [{ "service.name": "users" }, "process_cpu", "cpu/nanoseconds", 630000000n],
    ],
  );
  const captures = found.map(({ capture }) => capture);
  assert.deepEqual([captures[0], captures[2], captures[4]], [captures[1], captures[3], captures[5]]);
  assert.equal(new Set(captures).size, 3);
});

test("a name of godeltaprof is the plain name with __delta__=false", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const labels = { __name__: "godeltaprof_memory", service_name: "orders", __delta__: "true" };
  await post(port, pushPath, pushHeaders, pushRequest({ labels, profiles: [cpuPprof] }));
  const [one] = summary(sink.taken[0].profiles);
  assert.deepEqual([one.name, one.resource], ["memory", { "service.name": "orders", __delta__: "false" }]);
});

test("headers reach the later stages, the tenant also where headers are not kept", async (t) => {
  const all = createSink();
  const few = createSink();
  const headers = { ...pushHeaders, "x-scope-orgid": "team-a", "x-other": "1" };
  await post((await startReceiver(t, all)).port, pushPath, headers, cpuPush);
  await post((await startReceiver(t, few, { include_metadata: false })).port, pushPath, headers, cpuPush);
  const metadata = all.taken[0].ctx.metadata;
  assert.deepEqual([metadata.get("x-scope-orgid"), metadata.get("x-other")], [["team-a"], ["1"]]);
  assert.deepEqual([...few.taken[0].ctx.metadata], [["x-scope-orgid", ["team-a"]]]);
});

test("JSON, gzip, gRPC over HTTP/2 and HTTP/1.1 and gRPC-Web mean the same", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const labels = Object.entries(cpuLabels).map(([name, value]) => ({ name, value }));
  const samples = [{ rawProfile: cpuPprof.toString("base64url"), ID: "x" }];
  const json = JSON.stringify({ series: [{ labels, samples, annotations: null, unknown: 1 }] });
  const base = { method: "POST", url: pushPath };
  const web = { "content-type": "application/grpc-web+proto" };
  const compressed = { "content-type": "application/grpc+proto", "grpc-encoding": "gzip", te: "trailers" };
  const requests = [
    { ...base, headers: { "content-type": "application/json" }, body: Buffer.from(json) },
    { ...base, headers: { ...pushHeaders, "content-encoding": "gzip" }, body: gzipSync(cpuPush) },
    { ...base, headers: pushHeaders, body: cpuPush, http2: true },
    { ...base, headers: { "content-type": "application/grpc" }, body: grpc(cpuPush), http2: true },
    { ...base, headers: { "content-type": "application/grpc" }, body: grpc(cpuPush) },
    { ...base, headers: compressed, body: grpc(gzipSync(cpuPush), 1), http2: true },
    { ...base, headers: web, body: grpc(cpuPush) },
  ];
  const replies = await Promise.all(requests.map((request) => send(port, request)));
  assert.deepEqual(
    replies.map((reply) => [reply.status, grpcStatus(reply)]),
    [
      [200, ""],
      [200, ""],
      [200, ""],
      [200, "0"],
      [200, "0"],
      [200, "0"],
      [200, "0"],
    ],
  );
  assert.equal(replies[0].body.toString(), "{}");
  assert.equal(sink.taken.length, 7);
  for (const { profiles } of sink.taken) {
    const [counted, time] = summary(profiles);
    assert.deepEqual([counted.total, time.total, time.name], [63n, 630000000n, "process_cpu"]);
  }
});

test("what comes without any time left is refused before it goes further; empty headers say nothing", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const connect = await post(port, pushPath, { ...pushHeaders, "connect-timeout-ms": "0" }, cpuPush);
  const { status, code } = errorOf(connect);
  assert.deepEqual([status, code], [504, "deadline_exceeded"]);
  const headers = { "content-type": "application/grpc", "grpc-timeout": "0S" };
  const call = await send(port, { method: "POST", url: pushPath, headers, body: grpc(cpuPush), http2: true });
  assert.deepEqual([call.status, grpcStatus(call)], [200, "4"]);
  assert.equal(sink.taken.length, 0);
  const empty = { ...pushHeaders, "connect-timeout-ms": "", "connect-protocol-version": "" };
  assert.equal((await post(port, pushPath, empty, cpuPush)).status, 200);
  assert.equal(sink.taken.length, 1);
});

test("what is wrong is refused with 4xx and a reason, and nothing of it goes further", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink, { max_request_body_size: 50_000 });
  const good = { labels: cpuLabels, profiles: [cpuPprof] };
  const half = cpuPprof.subarray(0, cpuPprof.length / 2);
  const bomb = gzipSync(Buffer.alloc(60_000));
  const lying = Buffer.from(cpuPprof);
  lying.writeUInt32LE(1, lying.length - 4);
  const base64 = JSON.stringify({ series: [{ labels: [], samples: [{ rawProfile: "%" }] }] });
  const json = { "content-type": "application/json" };
  const cases: [number, string, RegExp, Record<string, string>, Buffer][] = [
    [400, "invalid_argument", /no profiles/, pushHeaders, Buffer.alloc(0)],
    [400, "invalid_argument", /PushRequest/, pushHeaders, cpuPush.subarray(0, 900)],
    [400, "invalid_argument", /__name__/, pushHeaders, pushRequest({ labels: {}, profiles: [cpuPprof] })],
    [400, "invalid_argument", /series 1: pprof: /, pushHeaders, pushRequest(good, { ...good, profiles: [half] })],
    [400, "invalid_argument", /gzip/, pushHeaders, pushRequest({ ...good, profiles: [lying] })],
    [400, "invalid_argument", /gzip/, { ...pushHeaders, "content-encoding": "gzip" }, cpuPush],
    [400, "invalid_argument", /Content-Encoding/, { ...pushHeaders, "content-encoding": "br" }, cpuPush],
    [400, "invalid_argument", /no bytes/, pushHeaders, pushRequest({ ...good, profiles: [Buffer.alloc(0)] })],
    [400, "invalid_argument", /base64/, json, Buffer.from(base64)],
    [400, "invalid_argument", /JSON/, json, Buffer.from("{")],
    [400, "invalid_argument", /array/, json, Buffer.from('{"series":{}}')],
    [400, "invalid_argument", /Version/, { ...pushHeaders, "connect-protocol-version": "2" }, cpuPush],
    [400, "invalid_argument", /Timeout/, { ...pushHeaders, "connect-timeout-ms": "soon" }, cpuPush],
    [413, "invalid_argument", /larger/, pushHeaders, Buffer.alloc(50_001)],
    [413, "invalid_argument", /larger/, { ...pushHeaders, "content-encoding": "gzip" }, bomb],
    [413, "invalid_argument", /larger/, pushHeaders, pushRequest({ ...good, profiles: [bomb] })],
    [
      413,
      "invalid_argument",
      /larger than \d+ bytes/,
      pushHeaders,
      pushRequest({ ...good, profiles: Array(8).fill(cpuPprof) }),
    ],
  ];
  for (const [status, code, message, headers, body] of cases) {
    const error = errorOf(await post(port, pushPath, headers, body));
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    assert.match(error.message, message);
  }
  const types = ["application/x-protobuf", "application/proto; charset=utf-8", "text/plain", ""];
  for (const type of types) {
    const reply = await post(port, pushPath, { "content-type": type }, cpuPush);
    assert.equal(reply.status, 415, type);
    assert.match(reply.headers["accept-post"], /application\/proto,/);
  }
  assert.equal((await send(port, { method: "PUT", url: pushPath, headers: {}, body: cpuPush })).status, 405);
  assert.equal((await post(port, `${pushPath}/`, pushHeaders, cpuPush)).status, 404);
  assert.equal(sink.taken.length, 0);
});

test("frames of gRPC that are none are refused", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const cases: [string, Buffer, Record<string, string>][] = [
    ["3", Buffer.alloc(0), {}],
    ["3", grpc(cpuPush).subarray(0, 100), {}],
    ["3", Buffer.concat([grpc(cpuPush), grpc(cpuPush)]), {}],
    ["3", grpc(cpuPush, 2), {}],
    ["3", grpc(cpuPush, 1), { "grpc-encoding": "gzip" }],
    ["3", grpc(cpuPush), { "grpc-timeout": "1x" }],
    ["12", grpc(cpuPush, 1), { "grpc-encoding": "zstd" }],
  ];
  for (const [status, body, more] of cases) {
    const headers = { "content-type": "application/grpc", ...more };
    for (const http2 of [false, true]) {
      const reply = await send(port, { method: "POST", url: pushPath, headers, body, http2 });
      assert.deepEqual([reply.status, grpcStatus(reply)], [200, status], reply.headers["grpc-message"]);
      assert.notEqual(reply.headers["grpc-message"] ?? "", "");
    }
  }
  assert.equal(sink.taken.length, 0);
});

test("errors of the pipeline: for good stays for good, later stays later", async (t) => {
  const cases: [Error, number, string, string, string | undefined][] = [
    [retryable("full"), 503, "unavailable", "14", undefined],
    [retryable("gone", { code: 1 }), 503, "unavailable", "14", undefined],
    [throttled("slow down", 2000), 429, "resource_exhausted", "8", "2"],
    [permanent("never"), 400, "failed_precondition", "9", undefined],
    [permanent("backend", { httpStatus: 502, code: 13 }), 400, "failed_precondition", "9", undefined],
    [permanent("no", { code: 7, httpStatus: 403 }), 403, "permission_denied", "7", undefined],
    [permanent("large", { code: 8 }), 413, "invalid_argument", "3", undefined],
    [partial("some", 3), 400, "failed_precondition", "9", undefined],
    [new Error("a fault"), 400, "failed_precondition", "9", undefined],
  ];
  for (const [error, status, code, grpcCode, retryAfter] of cases) {
    const { port } = await startReceiver(t, errConsumer(error));
    const reply = await post(port, pushPath, pushHeaders, cpuPush);
    assert.deepEqual([errorOf(reply).status, errorOf(reply).code], [status, code], error.message);
    assert.equal(reply.headers["retry-after"], retryAfter);
    assert.match(errorOf(reply).message, new RegExp(error.message));
    const headers = { "content-type": "application/grpc" };
    const call = await send(port, { method: "POST", url: pushPath, headers, body: grpc(cpuPush), http2: true });
    assert.deepEqual([call.status, grpcStatus(call)], [200, grpcCode]);
    assert.equal("grpc-status-details-bin" in call.headers, retryAfter !== undefined);
    const ingest = await post(port, "/ingest?name=a&format=pprof", {}, cpuPprof);
    assert.deepEqual([errorOf(ingest).status, errorOf(ingest).code], [status, code]);
  }
});

test("a client's time-out is the deadline of what follows", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const before = performance.now();
  await post(port, pushPath, { ...pushHeaders, "connect-timeout-ms": "60000" }, cpuPush);
  const headers = { "content-type": "application/grpc", "grpc-timeout": "1M" };
  await send(port, { method: "POST", url: pushPath, headers, body: grpc(cpuPush), http2: true });
  await post(port, pushPath, pushHeaders, cpuPush);
  const after = performance.now();
  const deadlines = sink.taken.map(({ ctx }) => ctx.deadlineMs);
  for (const deadline of deadlines.slice(0, 2))
    assert.ok(deadline !== undefined && deadline >= before + 60_000 && deadline <= after + 60_000);
  assert.equal(deadlines[2], undefined);
});
