import type { SeriesAttributes } from "../../src/codec/pprof-batch.js";
import type { Consumer } from "../../src/component/consumer.js";
import { type Context, withContext } from "../../src/component/context.js";
import { badInput, Code, type PipelineError, retryable } from "../../src/component/errors.js";
import type { HttpRoute, HttpServerRequest, HttpServerResponse } from "../../src/net/http-server.js";
import { connectFailure, grpcFailure } from "./answer.js";
import { emptyMessage, grpcTimeoutMs, openEnvelope, trailerFrame } from "./grpc-envelope.js";
import { decodingError, RequestBatch, withTenant } from "./intake.js";
import { attributesOf, createKnownSeries, type Label } from "./labels.js";
import { decodePush, decodePushJson, type PushedSeries } from "./push-request.js";

export const pushPath = "/push.v1.PusherService/Push";

type Protocol = "connect" | "grpc" | "grpc-web";

interface Format {
  readonly protocol: Protocol;
  readonly json: boolean;
}

const formats: ReadonlyMap<string, Format> = new Map([
  ["application/proto", { protocol: "connect", json: false }],
  ["application/json", { protocol: "connect", json: true }],
  ["application/grpc", { protocol: "grpc", json: false }],
  ["application/grpc+proto", { protocol: "grpc", json: false }],
  ["application/grpc+json", { protocol: "grpc", json: true }],
  ["application/grpc-web", { protocol: "grpc-web", json: false }],
  ["application/grpc-web+proto", { protocol: "grpc-web", json: false }],
  ["application/grpc-web+json", { protocol: "grpc-web", json: true }],
]);

/** The request's format; undefined for one that we don't speak. Only JSON may name its character set. */
function formatOf(request: HttpServerRequest): Format | undefined {
  const header = request.headers["content-type"] ?? "";
  return formats.get(header) ?? formatNamed(header.toLowerCase());
}

function formatNamed(type: string): Format | undefined {
  const json = /^(application\/[\w+-]*json)\s*;\s*(?:charset\s*=\s*"?utf-?8"?\s*)?$/.exec(type);
  return formats.get(json ? json[1] : type.trim());
}

/** POST /push.v1.PusherService/Push: Connect unary, gRPC and gRPC-Web. */
export function pushRoute(next: Consumer, maxBytes: number): HttpRoute {
  const known = createKnownSeries();

  function attributesFor(series: PushedSeries, where: string): SeriesAttributes {
    const { labelKey } = series;
    const found = labelKey === undefined ? undefined : known.get(labelKey);
    if (found) return found;
    const { labels } = series;
    const attributes = attributesOf(nameIn(labels, where), labels);
    if (labelKey !== undefined) known.set(labelKey, attributes);
    return attributes;
  }

  /** Not async: a frame that waits would keep the request's bytes alive. */
  function handOn(json: boolean, message: Buffer, ctx: Context): Promise<void> {
    const pushed = json ? decodePushJson(message) : decodePush(message);
    return batchOf(pushed, maxBytes, attributesFor).handOnTo(next, ctx);
  }

  return {
    path: pushPath,
    methods: ["POST"],
    check(request) {
      if (formatOf(request)) return undefined;
      return { status: 415, headers: { "accept-post": [...formats.keys()].join(", ") } };
    },
    handle(request, body, ctx) {
      const format = formatOf(request) as Format;
      const timed = withTimeout(request, format.protocol, withTenant(request, ctx));
      const answer = () => success(format, request);
      if (format.protocol === "connect") return handOn(format.json, body, timed).then(answer);
      return openEnvelope(body, text(request, "grpc-encoding"), maxBytes)
        .then((message) => handOn(format.json, message, timed))
        .then(answer);
    },
    fail: (error, request) => failure(error, formatOf(request)?.protocol ?? "connect", request),
  };
}

function text(request: HttpServerRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function withTimeout(request: HttpServerRequest, protocol: Protocol, ctx: Context): Context {
  const version = text(request, "connect-protocol-version");
  if (protocol === "connect" && version && version !== "1")
    throw badInput(`Connect-Protocol-Version must be "1": got "${version.slice(0, 16)}"`);
  const header = text(request, protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout");
  if (!header) return ctx;
  const ms = timeoutMs(header, protocol);
  // What is handed on late would be stored all the same, and sent again.
  if (ms === 0) throw retryable("the request came without any time left", { code: Code.DEADLINE_EXCEEDED });
  return withContext(ctx, { deadlineMs: performance.now() + ms });
}

function timeoutMs(header: string, protocol: Protocol): number {
  if (protocol !== "connect") return grpcTimeoutMs(header);
  if (!/^\d{1,10}$/.test(header)) throw badInput("Connect-Timeout-Ms is not a number of up to ten digits");
  return Number(header);
}

function batchOf(
  pushed: readonly PushedSeries[],
  maxBytes: number,
  attributesFor: (series: PushedSeries, where: string) => SeriesAttributes,
): RequestBatch {
  const batch = new RequestBatch(maxBytes);
  let profiles = 0;
  for (let i = 0; i < pushed.length; i++) {
    const { samples } = pushed[i];
    if (samples.length === 0) continue;
    const where = pushed.length > 1 ? `series ${i}: ` : "";
    const series = batch.series(attributesFor(pushed[i], where));
    for (const sample of samples) {
      profiles++;
      try {
        batch.addPprof(series, sample);
      } catch (error) {
        throw decodingError(error, where);
      }
    }
  }
  if (profiles === 0) throw badInput("no profiles received");
  return batch;
}

/** `__name__`, after the checks that Pyroscope makes of a series' labels. */
function nameIn(labels: readonly Label[], where: string): string {
  const seen = new Set<string>();
  let name = "";
  for (const [key, value] of labels) {
    if (key === "") throw badInput(`${where}a label without a name`);
    if (seen.has(key)) throw badInput(`${where}duplicate label name: '${key.slice(0, 100)}'`);
    seen.add(key);
    if (key === "__name__") name = value;
    else if (key === "service_name" && value === "") throw badInput(`${where}service_name is empty`);
  }
  if (name === "") throw badInput(`${where}the series has no __name__`);
  return name;
}

const noBytes = Buffer.alloc(0);
const ok = { "grpc-status": "0" };

function success(format: Format, request: HttpServerRequest): HttpServerResponse {
  const headers = { "content-type": text(request, "content-type") ?? "" };
  if (format.protocol === "grpc") return { status: 200, headers, body: emptyMessage, trailers: ok };
  if (format.protocol === "grpc-web")
    return { status: 200, headers, body: Buffer.concat([emptyMessage, trailerFrame(ok)]) };
  if (format.json) return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from("{}") };
  return { status: 200, headers, body: noBytes };
}

function failure(error: PipelineError, protocol: Protocol, request: HttpServerRequest): HttpServerResponse {
  if (protocol === "connect") return connectFailure(error);
  const headers = { "content-type": text(request, "content-type") ?? "application/grpc" };
  const trailers = grpcFailure(error);
  if (protocol === "grpc") return { status: 200, headers, trailers };
  // In gRPC-Web an answer without a message has its trailers among the headers.
  return { status: 200, headers: { ...headers, ...trailers } };
}
