import { Code, PipelineError } from "../component/errors.js";

/**
 * The one table between errors, gRPC codes and HTTP statuses. What decides whether a client tries again is the error's
 * kind: a permanent error is never answered with a status that invites a retry, a retryable one always is.
 */

/** A server may ask us to wait this long at most; more is cut, so that a hostile answer can't park data for ever. */
export const maxRetryAfterMs = 3_600_000;

/** Header blocks are limited, and grpc-message travels in one. */
const maxMessageChars = 1024;

/** What RESOURCE_EXHAUSTED says where the error names no delay: without RetryInfo a client must not try again. */
const defaultRetryAfterMs = 1000;

const retryableCodes: ReadonlySet<number> = new Set([
  Code.CANCELLED,
  Code.DEADLINE_EXCEEDED,
  Code.ABORTED,
  Code.OUT_OF_RANGE,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);

const retryableHttp: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** True where OTLP lets a client try again after this gRPC code; RESOURCE_EXHAUSTED only beside RetryInfo. */
export function isRetryableCode(code: number, hasRetryInfo: boolean): boolean {
  return retryableCodes.has(code) || (code === Code.RESOURCE_EXHAUSTED && hasRetryInfo);
}

/** gRPC code to HTTP status. */
export function httpStatusFromCode(code: number): number {
  if (retryableCodes.has(code)) return 503;
  switch (code) {
    case Code.OK:
      return 200;
    case Code.RESOURCE_EXHAUSTED:
      return 429;
    case Code.INVALID_ARGUMENT:
      return 400;
    case Code.UNAUTHENTICATED:
      return 401;
    case Code.PERMISSION_DENIED:
      return 403;
    case Code.UNIMPLEMENTED:
      return 404;
    default:
      return 500;
  }
}

/** HTTP status of a backend to gRPC code. */
export function codeFromHttpStatus(status: number): number {
  if (status >= 200 && status < 300) return Code.OK;
  switch (status) {
    case 400:
    case 415:
    case 422:
      return Code.INVALID_ARGUMENT;
    case 401:
      return Code.UNAUTHENTICATED;
    case 403:
      return Code.PERMISSION_DENIED;
    case 404:
    case 405:
      return Code.UNIMPLEMENTED;
    case 413:
    case 429:
      return Code.RESOURCE_EXHAUSTED;
    case 502:
    case 503:
    case 504:
      return Code.UNAVAILABLE;
    default:
      return status >= 500 ? Code.INTERNAL : Code.UNKNOWN;
  }
}

/** An answer, ready for either border. `retryAfterMs` is set only where the client may try again. */
export interface Answer {
  readonly code: number;
  readonly httpStatus: number;
  /** Short enough for a header, and without half surrogate pairs, at which header encoders throw. */
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

/** What to answer for an error of the pipeline. Kind "partial" is no failure: the caller answers it with a partial success. */
export function answerFor(error: PipelineError): Answer {
  return error.kind === "retryable" ? retryableAnswer(error) : permanentAnswer(error);
}

function answerText(error: PipelineError): string {
  return Buffer.from(error.message.slice(0, maxMessageChars)).toString();
}

function retryableAnswer(error: PipelineError): Answer {
  const given =
    error.code === Code.RESOURCE_EXHAUSTED || retryableCodes.has(error.code) ? error.code : Code.UNAVAILABLE;
  const httpStatus =
    error.httpStatus !== undefined && retryableHttp.has(error.httpStatus)
      ? error.httpStatus
      : httpStatusFromCode(given);
  const floor = given === Code.RESOURCE_EXHAUSTED ? defaultRetryAfterMs : undefined;
  return { code: given, httpStatus, message: answerText(error), retryAfterMs: error.retryAfterMs ?? floor };
}

function permanentAnswer(error: PipelineError): Answer {
  const code = retryableCodes.has(error.code) || error.code === Code.OK ? Code.INTERNAL : error.code;
  const own = error.httpStatus;
  const keeps = own !== undefined && own >= 400 && own < 600 && !retryableHttp.has(own);
  // A backend's RESOURCE_EXHAUSTED without RetryInfo means "too large" or a quota: 429 would invite a retry.
  const derived = code === Code.RESOURCE_EXHAUSTED ? 413 : httpStatusFromCode(code);
  return { code, httpStatus: keeps ? own : derived, message: answerText(error), retryAfterMs: undefined };
}

/** A backend's gRPC status as an error. `retryAfterMs` = the delay of its RetryInfo, undefined if there was none. */
export function errorFromGrpcStatus(code: number, message: string, retryAfterMs: number | undefined): PipelineError {
  const known = Number.isInteger(code) && code > 0 && code <= 16 ? code : Code.UNKNOWN;
  if (!isRetryableCode(known, retryAfterMs !== undefined)) {
    return new PipelineError("permanent", message, { code: known, reason: "rejected" });
  }
  return new PipelineError("retryable", message, {
    code: known,
    retryAfterMs: retryAfterMs === undefined ? undefined : capRetryAfter(retryAfterMs),
    reason: known === Code.RESOURCE_EXHAUSTED ? "throttled" : "unavailable",
  });
}

/** A backend's HTTP status as an error. `retryAfter` = its Retry-After header, honoured for 429 and 503 only. */
export function errorFromHttpStatus(
  status: number,
  message: string,
  retryAfter: string | undefined,
  nowMs: number = Date.now(),
): PipelineError {
  const code = codeFromHttpStatus(status);
  if (!retryableHttp.has(status)) {
    // A status below 400 that is no success (a redirect that isn't followed) has no meaning for our own sender.
    const details = status >= 400 ? { code, httpStatus: status } : {};
    return new PipelineError("permanent", message, { ...details, reason: "rejected" });
  }
  return new PipelineError("retryable", message, {
    code,
    httpStatus: status,
    retryAfterMs: status === 429 || status === 503 ? parseRetryAfterMs(retryAfter, nowMs) : undefined,
    reason: status === 429 ? "throttled" : "unavailable",
  });
}

function capRetryAfter(ms: number): number {
  return Math.min(Math.max(0, ms), maxRetryAfterMs);
}

/**
 * A Retry-After header (seconds or an HTTP-date) as milliseconds from `nowMs` (unix clock), at most `maxRetryAfterMs`.
 * undefined for garbage and for dates that have passed.
 */
export function parseRetryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return capRetryAfter(Number(text) * 1000);
  // Date.parse takes nearly anything; an HTTP-date begins with the day's name.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text)) return undefined;
  const at = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  if (Number.isNaN(at) || at <= nowMs) return undefined;
  return capRetryAfter(at - nowMs);
}

/** Whole seconds for a Retry-After header, rounded up so that nobody comes back too early. */
export function formatRetryAfter(ms: number): string {
  return String(Math.max(0, Math.ceil(ms / 1000)));
}

/** A non-200 answer to a gRPC request (a proxy's, mostly), by the gRPC protocol's own table. */
export function codeFromGrpcHttpStatus(status: number): number {
  switch (status) {
    case 400:
      return Code.INTERNAL;
    case 401:
      return Code.UNAUTHENTICATED;
    case 403:
      return Code.PERMISSION_DENIED;
    case 404:
      return Code.UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.UNAVAILABLE;
    default:
      return Code.UNKNOWN;
  }
}
