import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { context, propagation, type ROOT_CONTEXT, type Span, type Tracer, trace } from "@opentelemetry/api";
import { enableTracing, remoteParent, startSpan, traceHeaders } from "../../src/telemetry/trace.js";

/** What an SDK would be: a tracer that keeps names, parents, attributes and ends. */
function registerRecorder() {
  const spans: Record<string, unknown>[] = [];
  const tracer = {
    startSpan(name: string, options: { attributes: object }, above: typeof ROOT_CONTEXT) {
      const record: Record<string, unknown> = {
        name,
        ...options.attributes,
        parent: trace.getSpanContext(above)?.spanId,
      };
      spans.push(record);
      const spanContext = () => ({
        traceId: "0af7651916cd43dd8448eb211c80319c",
        spanId: "b7ad6b7169203331",
        traceFlags: 1,
      });
      return {
        spanContext,
        setAttributes: (more: object) => Object.assign(record, more),
        recordException: (error: Error) => Object.assign(record, { exception: error.message }),
        setStatus: (status: { code: number }) => Object.assign(record, { status: status.code }),
        end: () => Object.assign(record, { ended: true }),
      } as unknown as Span;
    },
  } as unknown as Tracer;
  trace.setGlobalTracerProvider({ getTracer: () => tracer });
  propagation.setGlobalPropagator({
    fields: () => ["traceparent"],
    extract(above, carrier, getter) {
      const value = getter.get(carrier, "traceparent");
      const [, traceId, spanId] = String(value).split("-");
      return value ? trace.setSpanContext(above, { traceId, spanId, traceFlags: 1, isRemote: true }) : above;
    },
    inject(from, carrier, setter) {
      const found = trace.getSpanContext(from);
      if (found) setter.set(carrier, "traceparent", `00-${found.traceId}-${found.spanId}-01`);
    },
  });
  return spans;
}

describe("trace", () => {
  afterEach(() => {
    trace.disable();
    propagation.disable();
    context.disable();
  });

  it("does nothing where no SDK is registered", async () => {
    delete (globalThis as Record<symbol, unknown>)[Symbol.for("opentelemetry.js.api.1")];
    assert.equal(await enableTracing(), false);
    assert.equal(startSpan("x", undefined, {}), undefined);
    assert.equal(remoteParent({ traceparent: "00-a-b-01" }), undefined);
    assert.deepEqual(traceHeaders({}), {});
  });

  it("opens spans below the caller's, and tells the next process of them", async () => {
    const spans = registerRecorder();
    assert.equal(await enableTracing(), true);
    const parent = remoteParent({ traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" });
    const span = startSpan("receiver/otlp/ProfilesReceived", parent, { receiver: "otlp" });
    assert.deepEqual(traceHeaders(span?.context), {
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    });
    span?.end({ refused_profile_samples: 3 }, new Error("full"));
    assert.deepEqual(spans, [
      {
        name: "receiver/otlp/ProfilesReceived",
        receiver: "otlp",
        parent: "00f067aa0ba902b7",
        refused_profile_samples: 3,
        exception: "full",
        status: 2,
        ended: true,
      },
    ]);
  });
});
