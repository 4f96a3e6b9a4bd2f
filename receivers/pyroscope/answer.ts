import { Code, type PipelineError } from "../../src/component/errors.js";
import type { HttpServerResponse } from "../../src/net/http-server.js";
import { type Answer, answerFor, formatRetryAfter } from "../../src/net/status.js";
import { encodeStatus } from "../../src/proto/status.js";

/** Connect's names of the canonical codes, by number. */
const connectCodes: readonly string[] = [
  "ok",
  "canceled",
  "unknown",
  "invalid_argument",
  "deadline_exceeded",
  "not_found",
  "already_exists",
  "permission_denied",
  "resource_exhausted",
  "failed_precondition",
  "aborted",
  "out_of_range",
  "unimplemented",
  "internal",
  "unavailable",
  "data_loss",
  "unauthenticated",
];

/** Codes that clients of Pyroscope take for a refusal for good; they try again after all others. */
const finalCodes: ReadonlySet<number> = new Set([
  Code.INVALID_ARGUMENT,
  Code.NOT_FOUND,
  Code.ALREADY_EXISTS,
  Code.PERMISSION_DENIED,
  Code.FAILED_PRECONDITION,
  Code.UNIMPLEMENTED,
  Code.UNAUTHENTICATED,
]);

/**
 * What to answer. Clients of Pyroscope (Alloy among them) try again after any 5xx, 408, 429 and the codes that go with
 * them, so a permanent error needs a 4xx and a code that says so.
 */
export function replyFor(error: PipelineError): Answer {
  const answer = answerFor(error);
  if (error.kind === "retryable") {
    const mayRetry = answer.code === Code.RESOURCE_EXHAUSTED || answer.code === Code.DEADLINE_EXCEEDED;
    const httpStatus = answer.code === Code.DEADLINE_EXCEEDED ? 504 : answer.httpStatus;
    return { ...answer, httpStatus, code: mayRetry ? answer.code : Code.UNAVAILABLE };
  }
  const httpStatus = answer.httpStatus >= 400 && answer.httpStatus < 500 ? answer.httpStatus : 400;
  if (finalCodes.has(answer.code)) return { ...answer, httpStatus };
  const code = answer.code === Code.RESOURCE_EXHAUSTED ? Code.INVALID_ARGUMENT : Code.FAILED_PRECONDITION;
  return { ...answer, code, httpStatus };
}

/** Connect's name of a canonical code. */
export function connectCode(code: number): string {
  return connectCodes[code] ?? "unknown";
}

/** A failure as Connect (and /ingest) writes it. */
export function connectFailure(error: PipelineError): HttpServerResponse {
  const { code, httpStatus, message, retryAfterMs } = replyFor(error);
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (retryAfterMs !== undefined) headers["retry-after"] = formatRetryAfter(retryAfterMs);
  const body = Buffer.from(JSON.stringify({ code: connectCode(code), message }));
  return { status: httpStatus, headers, body };
}

/** The trailers of a gRPC call that failed. */
export function grpcFailure(error: PipelineError): Record<string, string> {
  const { code, message, retryAfterMs } = replyFor(error);
  const trailers: Record<string, string> = {
    "grpc-status": String(code),
    "grpc-message": encodeURIComponent(message).replaceAll("%20", " "),
  };
  if (retryAfterMs !== undefined) {
    const details = encodeStatus({ code, message, retryDelayMs: retryAfterMs });
    trailers["grpc-status-details-bin"] = details.toString("base64").replace(/=+$/, "");
  }
  return trailers;
}
