import assert from "node:assert/strict";
import { test } from "node:test";
import { watchRefusals } from "../../../receivers/pyroscope/refusals.js";
import { badInput, type PipelineError, throttled } from "../../../src/component/errors.js";
import type { HttpRoute } from "../../../src/net/http-server.js";
import { type Logger, nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { createSink } from "../../support/consumers.js";
import { post } from "./client.js";
import { startReceiver } from "./setup.js";

const route: HttpRoute = {
  path: "/ingest",
  methods: ["POST"],
  handle: async () => ({ status: 200 }),
  fail: () => ({ status: 400 }),
};

function rig() {
  let now = 0;
  const lines: Record<string, unknown>[] = [];
  const log: Logger = { ...nopLogger, warn: (message, fields) => void lines.push({ message, ...fields }) };
  const metrics = createMetrics();
  const settings = { id: "pyroscope", kind: "receiver", log, metrics, build: { name: "f", version: "0" } } as const;
  const watched = watchRefusals(settings, () => now)(route);
  const headers = { "user-agent": "x".repeat(200) };
  const request = { method: "POST", path: "/ingest", query: new URLSearchParams("name=secret"), headers };
  return {
    lines,
    metrics,
    fail: (error: PipelineError) => watched.fail(error, request),
    pass: (ms: number) => {
      now += ms;
    },
  };
}

test("refusals are counted by code, and the reason is said once a minute with their number", async () => {
  const { fail, pass, lines, metrics } = rig();
  assert.deepEqual(fail(badInput("no samples")), { status: 400 });
  fail(badInput("another"));
  pass(59_999);
  fail(badInput("third"));
  pass(1);
  fail(badInput("fourth"));
  const same = { message: "Requests are refused", path: "/ingest", user_agent: "x".repeat(80) };
  assert.deepEqual(lines, [
    { ...same, error: "no samples", requests: 1 },
    { ...same, error: "fourth", requests: 3 },
  ]);
  const text = await metrics.text();
  assert.match(text, /flamepipe_refused_requests_total{receiver="pyroscope",code="invalid_argument"} 4\n/);
});

test("a refusal that may be tried again is counted, and not logged", async () => {
  const { fail, lines, metrics } = rig();
  fail(throttled("too many bytes in flight", 1000));
  assert.deepEqual(lines, []);
  assert.match(await metrics.text(), /{receiver="pyroscope",code="resource_exhausted"} 1\n/);
});

test("the receiver counts what it could not read", async (t) => {
  const metrics = createMetrics();
  const { port } = await startReceiver(t, createSink(), {}, metrics);
  const proto = { "content-type": "application/proto" };
  assert.equal((await post(port, "/ingest?name=shop.cpu", {}, "no count")).status, 400);
  assert.equal((await post(port, "/push.v1.PusherService/Push", proto, "no message")).status, 400);
  assert.equal((await post(port, "/ingest?name=shop.cpu", {}, "main 1")).status, 200);
  assert.equal(await metrics.total("flamepipe_refused_requests_total"), 2);
});
