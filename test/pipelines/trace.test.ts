import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, describe, it } from "node:test";
import { context, propagation, type ROOT_CONTEXT, type Span, type Tracer, trace } from "@opentelemetry/api";
import { loadConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import { createService } from "../../src/service/service.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { enableTracing } from "../../src/telemetry/trace.js";
import { factories } from "../contract/components.js";
import { freePort } from "../support/free-port.js";
import { recorded } from "./ends.js";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const callersSpan = "00f067aa0ba902b7";

/** What an SDK would be: numbers spans, and remembers their names and parents. */
function registerSdk(): Map<string, { name: string; parent: string | undefined; trace: string | undefined }> {
  const spans = new Map<string, { name: string; parent: string | undefined; trace: string | undefined }>();
  const tracer = {
    startSpan(name: string, _options: object, above: typeof ROOT_CONTEXT) {
      const spanId = String(spans.size + 1).padStart(16, "0");
      const parent = trace.getSpanContext(above);
      spans.set(spanId, { name, parent: parent?.spanId, trace: parent?.traceId });
      const spanContext = () => ({ traceId: parent?.traceId ?? "", spanId, traceFlags: 1 });
      return { spanContext, setAttributes() {}, recordException() {}, setStatus() {}, end() {} } as unknown as Span;
    },
  } as unknown as Tracer;
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  propagation.setGlobalPropagator({
    fields: () => ["traceparent"],
    extract(above, carrier, getter) {
      const value = getter.get(carrier, "traceparent");
      if (value === undefined) return above;
      const [, traceId, spanId] = String(value).split("-");
      return trace.setSpanContext(above, { traceId, spanId, traceFlags: 1, isRemote: true });
    },
    inject(from, carrier, setter) {
      const found = trace.getSpanContext(from);
      if (found) setter.set(carrier, "traceparent", `00-${found.traceId}-${found.spanId}-01`);
    },
  });
  return spans;
}

/** HTTP in, gRPC out to the second pipeline's port; gRPC in, HTTP out. */
const config = (ports: readonly number[], backend: string): object => ({
  receivers: {
    otlp: { protocols: { http: { endpoint: `127.0.0.1:${ports[0]}` } } },
    "otlp/second": { protocols: { grpc: { endpoint: `127.0.0.1:${ports[1]}` } } },
  },
  exporters: {
    otlp_grpc: { endpoint: `127.0.0.1:${ports[1]}`, tls: { insecure: true } },
    otlp_http: { endpoint: backend, compression: "none" },
  },
  service: {
    pipelines: {
      profiles: { receivers: ["otlp"], exporters: ["otlp_grpc"] },
      "profiles/second": { receivers: ["otlp/second"], exporters: ["otlp_http"] },
    },
  },
});

describe("a trace", () => {
  after(() => {
    trace.disable();
    propagation.disable();
    context.disable();
  });

  it("goes on from the sender through both protocols to the backend", async () => {
    const spans = registerSdk();
    assert.ok(await enableTracing());
    const seen: (string | string[] | undefined)[] = [];
    let arrive = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const backend = createServer((request, response) => {
      seen.push(request.headers.traceparent);
      arrive();
      request.resume().on("end", () => response.writeHead(200).end());
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => backend.once("listening", resolve));
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`;
    const ports = [await freePort(), await freePort()];
    const { config: resolved, problems } = await loadConfig({
      sources: [`yaml:${JSON.stringify(config(ports, url))}`],
      factories,
      env: {},
      readFile: (path) => Promise.reject(new Error(path)),
    });
    assert.deepEqual(problems.map(formatProblem), []);
    assert.ok(resolved);
    const build = { name: "flamepipe", version: "0.0.0" };
    const service = createService(resolved, { log: nopLogger, metrics: createMetrics(), build });
    await service.start();
    try {
      const answer = await fetch(`http://127.0.0.1:${ports[0]}/v1development/profiles`, {
        method: "POST",
        headers: { "content-type": "application/x-protobuf", traceparent: `00-${traceId}-${callersSpan}-01` },
        body: Buffer.concat(recorded("otlp-ebpf/0001.pb").encode()),
      });
      assert.equal(answer.status, 200);
      await arrived;
    } finally {
      await service.shutdown();
      await new Promise((resolve) => backend.close(resolve).closeAllConnections());
    }
    assert.deepEqual(
      [...spans.values()],
      [
        { name: "receiver/otlp/ProfilesReceived", parent: callersSpan, trace: traceId },
        { name: "exporter/otlp_grpc/ProfilesExported", parent: "0000000000000001", trace: traceId },
        { name: "receiver/otlp/second/ProfilesReceived", parent: "0000000000000002", trace: traceId },
        { name: "exporter/otlp_http/ProfilesExported", parent: "0000000000000003", trace: traceId },
      ],
    );
    assert.deepEqual(seen, [`00-${traceId}-0000000000000004-01`]);
  });
});
