import type { Context } from "../../src/component/context.js";
import { badInput, type PipelineError } from "../../src/component/errors.js";
import type { HttpRoute, HttpServerRequest, HttpServerResponse } from "../../src/net/http-server.js";
import type { OtlpIntake } from "../../src/net/otlp-intake.js";
import { answerFor, formatRetryAfter } from "../../src/net/status.js";
import { encodeExportResponse, encodeExportResponseJson } from "../../src/proto/export-response.js";
import { jsonToProto } from "../../src/proto/otlp-json.js";
import { encodeStatus, encodeStatusJson } from "../../src/proto/status.js";

export const profilesPath = "/v1development/profiles";

const protobuf = "application/x-protobuf";
const json = "application/json";

/** POST /v1development/profiles. Answers come in the request's encoding; failures are a google.rpc.Status. */
export function profilesRoute(intake: OtlpIntake): HttpRoute {
  return {
    path: profilesPath,
    methods: ["POST"],
    check(request) {
      if (contentType(request) !== undefined) return undefined;
      const body = Buffer.from(`415 unsupported media type, supported: [${json}, ${protobuf}]`);
      return { status: 415, headers: { "content-type": "text/plain" }, body };
    },
    handle(request, body, ctx) {
      return contentType(request) === json ? handleJson(intake, body, ctx) : handleProto(intake, body, ctx);
    },
    fail,
  };
}

/** The media type without parameters, if we speak it. */
function contentType(request: HttpServerRequest): string | undefined {
  const type = (request.headers["content-type"] ?? "").split(";")[0].trim().toLowerCase();
  return type === protobuf || type === json ? type : undefined;
}

function handleProto(intake: OtlpIntake, body: Buffer, ctx: Context): Promise<HttpServerResponse> {
  return intake
    .consume(body, ctx)
    .then((partial) => ({ status: 200, headers: { "content-type": protobuf }, body: encodeExportResponse(partial) }));
}

function handleJson(intake: OtlpIntake, body: Buffer, ctx: Context): Promise<HttpServerResponse> {
  return intake
    .consume(parseJson(body), ctx)
    .then((partial) => ({ status: 200, headers: { "content-type": json }, body: encodeExportResponseJson(partial) }));
}

function parseJson(body: Buffer): Buffer {
  try {
    return jsonToProto(body);
  } catch (error) {
    throw badInput((error as Error).message, { cause: error });
  }
}

function fail(error: PipelineError, request: HttpServerRequest): HttpServerResponse {
  const answer = answerFor(error);
  const type = contentType(request) ?? protobuf;
  const status = { code: answer.code, message: answer.message, retryDelayMs: answer.retryAfterMs };
  const headers: Record<string, string> = { "content-type": type };
  if (answer.retryAfterMs !== undefined) headers["retry-after"] = formatRetryAfter(answer.retryAfterMs);
  return { status: answer.httpStatus, headers, body: type === json ? encodeStatusJson(status) : encodeStatus(status) };
}
