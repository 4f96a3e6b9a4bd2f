import type { Attributes, Context as OtelContext, Span as OtelSpan } from "@opentelemetry/api";

/**
 * Spans of our own work, through @opentelemetry/api. No SDK comes with us: unless one was registered before we started
 * (`node --import ./your-sdk.mjs`), nothing is loaded and every call here is a nop.
 */
type Api = typeof import("@opentelemetry/api");

let api: Api | undefined;

/** The key under which every copy of the API, version 1, keeps what an SDK registered. */
const registered = Symbol.for("opentelemetry.js.api.1");

/** To be called once at start-up; true if there is an SDK to report to. */
export async function enableTracing(): Promise<boolean> {
  if ((globalThis as Record<symbol, unknown>)[registered] === undefined) return false;
  api = await import("@opentelemetry/api");
  return true;
}

export interface Span {
  /** To be passed on as Context.span: the parent of what follows. */
  readonly context: unknown;
  /** Ends the span; an error marks it failed. */
  end(attributes?: Attributes, error?: Error): void;
}

/** A span below `parent` (a Context.span; undefined = a new trace), or undefined where nobody listens. */
export function startSpan(name: string, parent: unknown, attributes: Attributes): Span | undefined {
  if (!api) return undefined;
  const above = (parent as OtelContext | undefined) ?? api.ROOT_CONTEXT;
  const span = api.trace.getTracer("flamepipe").startSpan(name, { attributes }, above);
  return { context: api.trace.setSpan(above, span), end: (more, error) => endSpan(span, more, error) };
}

function endSpan(span: OtelSpan, attributes?: Attributes, error?: Error): void {
  if (attributes) span.setAttributes(attributes);
  if (error) {
    span.recordException(error);
    span.setStatus({ code: 2, message: error.message });
  }
  span.end();
}

/** Headers of HTTP/1 or HTTP/2, names in lower case. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The caller's span, from its `traceparent` and `tracestate` headers; undefined where nobody listens. */
export function remoteParent(headers: Headers): unknown {
  return api?.propagation.extract(api.ROOT_CONTEXT, headers, {
    get: (carrier, key) => carrier[key],
    keys: (carrier) => Object.keys(carrier),
  });
}

/** The headers that tell the next process of our span, lower case; empty where nobody listens. */
export function traceHeaders(span: unknown): Record<string, string> {
  const headers: Record<string, string> = {};
  if (api && span !== undefined) api.propagation.inject(span as OtelContext, headers);
  return headers;
}
