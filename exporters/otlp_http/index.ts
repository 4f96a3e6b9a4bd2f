import { type PipelineError, permanent } from "../../src/component/errors.js";
import type { Exporter, ExporterFactory, Settings } from "../../src/component/factory.js";
import { createExporter } from "../../src/delivery/exporter.js";
import { decode, parseContentEncoding, serverCodings } from "../../src/net/compression.js";
import { createHttpClient, type HttpResponse } from "../../src/net/http-client.js";
import { errorFromHttpStatus } from "../../src/net/status.js";
import {
  decodeExportResponse,
  decodeExportResponseJson,
  type PartialSuccess,
} from "../../src/proto/export-response.js";
import { protoToJson } from "../../src/proto/otlp-json.js";
import { decodeStatus, decodeStatusJson } from "../../src/proto/status.js";
import { traceHeaders } from "../../src/telemetry/trace.js";
import { type OtlpHttpConfig, otlpHttpSchema, profilesUrl } from "./config.js";

const protobuf = "application/x-protobuf";
const json = "application/json";
/** Answers are short; what is longer is not worth reading. */
const maxResponseBytes = 64 * 1024;
const maxMessageChars = 1024;

function createOtlpHttpExporter(settings: Settings, config: OtlpHttpConfig): Exporter {
  const client = createHttpClient(config, settings);
  const url = profilesUrl(config);
  const asJson = config.encoding === "json";
  const headers = { "content-type": asJson ? json : protobuf };

  return createExporter({
    settings,
    timeoutMs: config.timeout,
    retry: config.retry_on_failure,
    queue: config.sending_queue,
    async send(profiles, ctx) {
      const timeoutMs = ctx.deadlineMs === undefined ? 0 : Math.max(1, ctx.deadlineMs - performance.now());
      const parts = profiles.encode();
      const body = asJson ? protoToJson(Buffer.concat(parts)) : parts;
      const answer = await client.request({
        method: "POST",
        url,
        headers: ctx.span === undefined ? headers : { ...headers, ...traceHeaders(ctx.span) },
        body,
        signal: ctx.signal,
        timeoutMs,
        maxResponseBytes,
      });
      const response = answer.headers["content-encoding"] === undefined ? answer : await decoded(answer);
      if (response.status < 200 || response.status > 299) throw refusal(url, response);
      const partial = readPartialSuccess(response);
      if (partial && (partial.rejectedProfiles !== 0n || partial.errorMessage !== "")) {
        settings.log.warn("Partial success response", {
          message: partial.errorMessage,
          dropped_profiles: partial.rejectedProfiles.toString(),
        });
      }
    },
    shutdown: () => client.close(),
  });
}

/**
 * An answer that a proxy has compressed, though nobody asked it to; without body where that can't be undone, since the
 * status counts.
 */
async function decoded(answer: HttpResponse): Promise<HttpResponse> {
  try {
    const coding = parseContentEncoding(answer.headers["content-encoding"], serverCodings);
    return { ...answer, body: await decode(coding, answer.body, maxResponseBytes) };
  } catch {
    return { ...answer, body: Buffer.alloc(0) };
  }
}

function mediaType(response: HttpResponse): string {
  return (response.headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
}

/** The partial success of a 2xx answer; other content types are not ours to read. */
function readPartialSuccess(response: HttpResponse): PartialSuccess | undefined {
  if (response.body.length === 0) return undefined;
  const type = mediaType(response);
  if (type !== protobuf && type !== json) return undefined;
  const partial = type === json ? decodeExportResponseJson(response.body) : decodeExportResponse(response.body);
  if (!partial)
    throw permanent(`the answer (HTTP ${response.status}, ${type}) cannot be parsed`, { reason: "bad_reply" });
  return partial;
}

function refusal(url: string, response: HttpResponse): PipelineError {
  const type = mediaType(response);
  const status =
    type === protobuf ? decodeStatus(response.body) : type === json ? decodeStatusJson(response.body) : undefined;
  const text = status?.message ?? (type.startsWith("text/plain") ? response.body.toString("utf8").trim() : "");
  const said = text ? `, Message=${text.slice(0, maxMessageChars)}` : "";
  const message = `error exporting items, request to ${printable(url)} responded with HTTP Status Code ${response.status}${said}`;
  return errorFromHttpStatus(response.status, message, response.headers["retry-after"]);
}

/** Without user, password and query, which may be secrets. */
function printable(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export const otlpHttp: ExporterFactory<OtlpHttpConfig> = {
  kind: "exporter",
  type: "otlp_http",
  aliases: ["otlphttp"],
  stability: "beta",
  summary: "OTLP profiles to any backend over HTTP",
  signals: ["profiles"],
  schema: otlpHttpSchema,
  create: createOtlpHttpExporter,
};
