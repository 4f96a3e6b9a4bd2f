import { Code, type PipelineError, retryable } from "../component/errors.js";

/** The caller gave up; nobody waits for the result any more. */
export function callerGone(): PipelineError {
  return retryable("the caller is gone", { code: Code.CANCELLED, reason: "caller_gone" });
}

export function deadlineExceeded(): PipelineError {
  return retryable("context deadline exceeded", { code: Code.DEADLINE_EXCEEDED, reason: "timeout" });
}

/** The component takes nothing more, or could not finish in the time that shutdown has. */
export function shuttingDown(): PipelineError {
  return retryable("the collector is shutting down", { reason: "shutdown" });
}
