import { Code, PipelineError } from "../../src/component/errors.js";
import type { HttpResponse } from "../../src/net/http-client.js";
import { codeFromHttpStatus, parseRetryAfterMs } from "../../src/net/status.js";

/** What to do about a push that was not taken. */
export interface Refusal {
  readonly error: PipelineError;
  /** The answer may hide either a passing fault or a profile that will never do: worth a few tries. */
  readonly bounded: boolean;
  /** Other pushes will fare the same for now: no use in sending more in this attempt. */
  readonly stop: boolean;
}

/** Connect's code names, as an error's JSON says them. */
const codes: Record<string, number> = {
  canceled: Code.CANCELLED,
  unknown: Code.UNKNOWN,
  invalid_argument: Code.INVALID_ARGUMENT,
  deadline_exceeded: Code.DEADLINE_EXCEEDED,
  not_found: Code.NOT_FOUND,
  already_exists: Code.ALREADY_EXISTS,
  permission_denied: Code.PERMISSION_DENIED,
  resource_exhausted: Code.RESOURCE_EXHAUSTED,
  failed_precondition: Code.FAILED_PRECONDITION,
  aborted: Code.ABORTED,
  out_of_range: Code.OUT_OF_RANGE,
  unimplemented: Code.UNIMPLEMENTED,
  internal: Code.INTERNAL,
  unavailable: Code.UNAVAILABLE,
  data_loss: Code.DATA_LOSS,
  unauthenticated: Code.UNAUTHENTICATED,
};

/** May pass by itself. */
const passing: ReadonlySet<number> = new Set([
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
  Code.RESOURCE_EXHAUSTED,
  Code.ABORTED,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);
/** Pyroscope says so of broken profiles and of its own faults. */
const unclear: ReadonlySet<number> = new Set([Code.UNKNOWN, Code.INTERNAL]);
/** Whatever is sent will be refused: a wrong address, or credentials. */
const hopeless: ReadonlySet<number> = new Set([
  Code.UNAUTHENTICATED,
  Code.PERMISSION_DENIED,
  Code.NOT_FOUND,
  Code.UNIMPLEMENTED,
]);
/** Same code as the rate limit, but the same bytes will never fit. */
const tooLargeText = /larger than configured max|message too large|message size .* (larger|exceeds)/i;

/** undefined = the push was taken. */
export function refusalOf(response: HttpResponse, nowMs: number): Refusal | undefined {
  const { status } = response;
  if (status >= 200 && status < 300) {
    // A login page or a web server's start page, not Pyroscope.
    if (!response.headers["content-type"]?.startsWith("text/html")) return undefined;
    const error = new PipelineError("permanent", "the endpoint answers web pages: it is no Pyroscope", {
      reason: "rejected",
    });
    return { error, bounded: false, stop: true };
  }
  const { code, message } = connectError(response);
  const text = `Pyroscope answered ${status}: ${message}`;
  const details = { code, httpStatus: status >= 400 ? status : undefined };
  if (code === Code.RESOURCE_EXHAUSTED && tooLargeText.test(message)) {
    const error = new PipelineError("permanent", text, { ...details, httpStatus: 413, reason: "too_large" });
    return { error, bounded: false, stop: false };
  }
  if (passing.has(code) || unclear.has(code)) {
    const retryAfterMs = parseRetryAfterMs(response.headers["retry-after"], nowMs);
    const reason = code === Code.RESOURCE_EXHAUSTED ? "throttled" : "unavailable";
    const error = new PipelineError("retryable", text, { ...details, retryAfterMs, reason });
    return { error, bounded: unclear.has(code), stop: passing.has(code) };
  }
  const error = new PipelineError("permanent", text, { ...details, reason: "rejected" });
  return { error, bounded: false, stop: hopeless.has(code) };
}

/** The code and message of an answer; proxies in between give a status only. */
function connectError(response: HttpResponse): { code: number; message: string } {
  if (response.headers["content-type"]?.startsWith("application/json")) {
    try {
      const body: unknown = JSON.parse(response.body.toString("utf8"));
      const { code, message } = body as { code?: unknown; message?: unknown };
      if (typeof code === "string" && Object.hasOwn(codes, code)) {
        return { code: codes[code], message: shorten(typeof message === "string" ? message : code) };
      }
    } catch {
      // Not an error of Connect; the status must do.
    }
  }
  return { code: codeOfStatus(response.status), message: shorten(response.body.toString("utf8").trim()) };
}

function codeOfStatus(status: number): number {
  if (status === 408 || status === 504) return Code.DEADLINE_EXCEEDED;
  if (status === 499) return Code.CANCELLED;
  if (status === 413) return Code.INVALID_ARGUMENT;
  if (status >= 300 && status < 400) return Code.UNIMPLEMENTED;
  return codeFromHttpStatus(status);
}

/** Pyroscope repeats all labels, and web servers answer pages. */
function shorten(message: string): string {
  return message.length > 500 ? `${message.slice(0, 500)}…` : message;
}

/** A request that got no answer. */
export function noAnswer(error: PipelineError): Refusal {
  return { error, bounded: false, stop: error.kind === "retryable" };
}
