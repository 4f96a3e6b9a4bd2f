import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import type { z } from "zod";
import { otlpGrpcSchema } from "../../../exporters/otlp_grpc/config.js";
import { otlpGrpc } from "../../../exporters/otlp_grpc/index.js";
import { background } from "../../../src/component/context.js";
import { badInput, type PipelineError, permanent, retryable, throttled } from "../../../src/component/errors.js";
import type { Exporter } from "../../../src/component/factory.js";
import { parseGrpcTarget } from "../../../src/net/grpc-config.js";
import { createGrpcServer, type UnaryHandler } from "../../../src/net/grpc-server.js";
import { Profiles } from "../../../src/pdata/profiles.js";
import { encodeExportResponse } from "../../../src/proto/export-response.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { grpcServerConfig, recordingLogger, rejection, settings } from "../../net/support.js";
import { recorded } from "../../receivers/otlp/support.js";

const path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** An exporter without queue and retry in front of a backend that answers by `handler`. */
async function start(handler: UnaryHandler, input: object = {}): Promise<{ exporter: Exporter; lines: string[] }> {
  const server = createGrpcServer(grpcServerConfig({ include_metadata: true }), settings);
  server.addUnary(path, handler);
  const port = await server.start();
  open.push(() => server.shutdown(50));
  const { log, lines } = recordingLogger();
  const config = otlpGrpcSchema.parse({
    endpoint: `127.0.0.1:${port}`,
    tls: { insecure: true },
    retry_on_failure: { enabled: false },
    sending_queue: { enabled: false },
    ...input,
  });
  const exporter = otlpGrpc.create(
    { ...settings, id: "otlp_grpc", kind: "exporter", log, metrics: createMetrics() },
    config,
  );
  await exporter.start(host);
  open.push(() => exporter.shutdown());
  return { exporter, lines };
}

const consume = (exporter: Exporter): Promise<void> => exporter.consume(Profiles.parse(recorded()), background);

describe("otlp_grpc exporter", () => {
  it("sends the bytes it was given, compressed or not, with its headers and deadline", async () => {
    for (const compression of ["gzip", "none"]) {
      const bodies: Buffer[] = [];
      let tenant: readonly string[] | undefined;
      let deadlineMs: number | undefined;
      const { exporter } = await start(
        async (body, ctx) => {
          bodies.push(body);
          tenant = ctx.metadata.get("x-tenant");
          deadlineMs = ctx.deadlineMs;
          return encodeExportResponse();
        },
        { compression, headers: { "X-Tenant": "t1" }, timeout: "2s" },
      );
      await consume(exporter);
      assert.ok(bodies.length === 1 && bodies[0].equals(recorded()), compression);
      assert.deepEqual(tenant, ["t1"]);
      assert.ok(deadlineMs !== undefined && deadlineMs - performance.now() < 2000);
    }
  });

  it("logs a partial success and does not fail", async () => {
    let calls = 0;
    const { exporter, lines } = await start(async () => {
      calls++;
      return encodeExportResponse({ rejectedProfiles: 2n, errorMessage: "too old" });
    });
    await consume(exporter);
    assert.deepEqual([calls, lines.filter((line) => line.startsWith("warn"))], [1, ["warn Partial success response"]]);
  });

  it("passes a backend's refusals on with their kind, code and delay", async () => {
    const cases: [Error, Partial<PipelineError>][] = [
      [badInput("bad"), { kind: "permanent", code: 3 }],
      [permanent("denied", { code: 7 }), { kind: "permanent", code: 7 }],
      [retryable("full"), { kind: "retryable", code: 14 }],
      [throttled("slow", 2500), { kind: "retryable", code: 8, retryAfterMs: 2500 }],
      [permanent("quota", { code: 8 }), { kind: "permanent", code: 8 }],
    ];
    for (const [thrown, wanted] of cases) {
      const { exporter } = await start(() => Promise.reject(thrown));
      const error = await rejection(consume(exporter));
      for (const [key, value] of Object.entries(wanted))
        assert.equal(error[key as keyof PipelineError], value, `${thrown.message} ${key}`);
      assert.match(error.message, new RegExp(thrown.message));
    }
  });

  it("gives an attempt up after `timeout`", async () => {
    const { exporter } = await start(() => new Promise(() => {}), { timeout: "50ms" });
    const error = await rejection(consume(exporter));
    assert.deepEqual([error.kind, error.code], ["retryable", 4]);
  });

  it("starts while its backend is down", async () => {
    const config = otlpGrpcSchema.parse({
      endpoint: "127.0.0.1:1",
      tls: { insecure: true },
      retry_on_failure: { enabled: false },
      sending_queue: { enabled: false },
    });
    const exporter = otlpGrpc.create(
      { ...settings, id: "otlp_grpc", kind: "exporter", metrics: createMetrics() },
      config,
    );
    await exporter.start(host);
    assert.equal((await rejection(consume(exporter))).kind, "retryable");
    await exporter.shutdown();
  });
});

describe("otlp_grpc keys", () => {
  const messages = (input: object) =>
    otlpGrpcSchema.safeParse(input).error?.issues.map((issue: z.core.$ZodIssue) => issue.message);
  const target = (endpoint: string, tls: object = {}) => parseGrpcTarget(otlpGrpcSchema.parse({ endpoint, tls }));

  it("have the Collector's defaults, but for gzip's level", () => {
    const config = otlpGrpcSchema.parse({ endpoint: "x:1" });
    assert.deepEqual(
      [config.timeout, config.compression, config.compression_params.level, config.wait_for_ready, config.tls.insecure],
      [5000, "gzip", 1, false, false],
    );
  });

  it("refuse what can't be done, in the Collector's words", () => {
    assert.deepEqual(messages({}), ['requires a non-empty "endpoint"']);
    assert.deepEqual(messages({ endpoint: "backend" }), ["address backend: missing port in address"]);
    assert.deepEqual(messages({ endpoint: "backend:http" }), ['invalid port "http"']);
    assert.deepEqual(messages({ endpoint: "x:1", balancer_name: "magic" }), ["invalid balancer_name: magic"]);
    assert.match(messages({ endpoint: "x:1", compression: "zstd" })?.[0] ?? "", /^unsupported compression type "zstd"/);
    assert.deepEqual(messages({ endpoint: "x:1", timeout: "-1s" }), ["'timeout' must be non-negative"]);
  });

  it("read every form of endpoint", () => {
    const at = { host: "b", port: 4317 };
    assert.deepEqual(target("b:4317"), { address: at, secure: true, authority: "b:4317" });
    assert.deepEqual(target("http://b:4317", { insecure: true }), { address: at, secure: false, authority: "b:4317" });
    assert.deepEqual(target("https://b:4317/", { insecure: true }), { address: at, secure: true, authority: "b:4317" });
    assert.deepEqual(target("dns:///b:4317"), { address: at, secure: true, authority: "b:4317" });
    assert.deepEqual(target("[::1]:4317"), {
      address: { host: "::1", port: 4317 },
      secure: true,
      authority: "[::1]:4317",
    });
    assert.deepEqual(target("unix:///run/x.sock"), {
      address: { path: "/run/x.sock" },
      secure: true,
      authority: "localhost",
    });
  });
});
