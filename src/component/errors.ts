/**
 * The one error class that travels a pipeline. A component that rejects `consume` with anything else has a fault:
 * the borders treat it as permanent and INTERNAL.
 *
 * - permanent: the same data will fail again. Never retried.
 * - retryable: nobody took the data; the sender may try again, after `retryAfterMs` where given.
 * - partial:   the data was taken but for `rejectedSamples`. Never retried.
 * - config:    found before anything ran; says where (see src/config/diagnose).
 */
export type ErrorKind = "permanent" | "retryable" | "partial" | "config";

/** Canonical status codes, numbered as gRPC numbers them. */
export const Code = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export interface ErrorDetails {
  /** Canonical code for gRPC answers; decides the HTTP status where `httpStatus` is absent. */
  code?: number;
  /** An HTTP status to answer with as it is, e.g. the one a backend gave. */
  httpStatus?: number;
  /** Wait at least this long before trying again (retryable only). */
  retryAfterMs?: number;
  /** Samples that were not taken (partial only). */
  rejectedSamples?: number;
  /** Short snake_case word for metrics and logs, from a bounded set. */
  reason?: string;
  cause?: unknown;
}

export class PipelineError extends Error {
  readonly kind: ErrorKind;
  readonly code: number;
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly rejectedSamples: number;
  readonly reason: string;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "PipelineError";
    this.kind = kind;
    this.code = details.code ?? (kind === "retryable" ? Code.UNAVAILABLE : Code.INTERNAL);
    this.httpStatus = details.httpStatus;
    this.retryAfterMs = details.retryAfterMs;
    this.rejectedSamples = details.rejectedSamples ?? 0;
    this.reason = details.reason ?? kind;
  }
}

/** The request is malformed: 400 / INVALID_ARGUMENT, and nothing of it goes further. */
export function badInput(message: string, details: ErrorDetails = {}): PipelineError {
  return new PipelineError("permanent", message, { code: Code.INVALID_ARGUMENT, reason: "invalid", ...details });
}

/** The same data will fail again: 500 / INTERNAL unless `details` carry a backend's own status. */
export function permanent(message: string, details: ErrorDetails = {}): PipelineError {
  return new PipelineError("permanent", message, details);
}

/** Nobody took the data; try again: 503 / UNAVAILABLE unless `details` say otherwise. */
export function retryable(message: string, details: ErrorDetails = {}): PipelineError {
  return new PipelineError("retryable", message, details);
}

/** One of our own rate or in-flight limits: 429 / RESOURCE_EXHAUSTED with Retry-After / RetryInfo. */
export function throttled(message: string, retryAfterMs: number): PipelineError {
  return new PipelineError("retryable", message, {
    code: Code.RESOURCE_EXHAUSTED,
    retryAfterMs,
    reason: "rate_limited",
  });
}

/** All but `rejectedSamples` were taken. */
export function partial(message: string, rejectedSamples: number): PipelineError {
  return new PipelineError("partial", message, { code: Code.OK, rejectedSamples, reason: "partial" });
}

/** Whatever was caught, as a PipelineError; a stranger becomes permanent and keeps its stack as the cause. */
export function toPipelineError(caught: unknown): PipelineError {
  if (caught instanceof PipelineError) return caught;
  const message = caught instanceof Error ? caught.message : String(caught);
  return new PipelineError("permanent", message, { cause: caught, reason: "internal" });
}
