import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { Code, PipelineError, permanent, retryable } from "../component/errors.js";
import { BodyChunks } from "./body-chunks.js";

/** A backend's answer is cut off here. */
export const defaultMaxResponseBytes = 4 * 1024 * 1024;

export interface HttpResponse {
  status: number;
  /** Names in lower case; repeated ones joined with ", ". */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** True if the body was longer than the cap. */
  truncated: boolean;
}

/** What ends an exchange before its time; see HttpRequest. */
export interface ExchangeLimits {
  signal?: AbortSignal;
  timeoutMs?: number;
  maxResponseBytes?: number;
}

/** Sends a request and reads its whole answer. Rejects with a PipelineError. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  limits: ExchangeLimits,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(limits, resolve, reject);
    if (!handler.settled) dispatcher.dispatch(request, handler);
  });
}

/** One exchange by undici's callbacks: a stream for the body, and a signal that times out, would cost more than the rest. */
class Exchange implements Dispatcher.DispatchHandler {
  settled = false;
  private readonly signal: AbortSignal | undefined;
  private readonly resolve: (response: HttpResponse) => void;
  private readonly reject: (error: PipelineError) => void;
  private readonly maxBytes: number;
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly onAbort = () => this.giveUp(cancelled());
  private controller: Dispatcher.DispatchController | undefined;
  private status = 0;
  private headers: IncomingHttpHeaders = {};
  private readonly chunks = new BodyChunks();

  constructor(
    { signal, timeoutMs, maxResponseBytes }: ExchangeLimits,
    resolve: (response: HttpResponse) => void,
    reject: (error: PipelineError) => void,
  ) {
    this.signal = signal;
    this.resolve = resolve;
    this.reject = reject;
    this.maxBytes = maxResponseBytes ?? defaultMaxResponseBytes;
    if (signal?.aborted) {
      this.giveUp(cancelled());
      return;
    }
    signal?.addEventListener("abort", this.onAbort, { once: true });
    if (timeoutMs) this.timer = setTimeout(() => this.giveUp(timedOut(timeoutMs)), Math.ceil(timeoutMs));
  }

  /** Ends it from our side: the caller is told at once, the connection goes. */
  private giveUp(error: PipelineError): void {
    if (!this.settle()) return;
    this.reject(error);
    this.controller?.abort(error);
  }

  private settle(): boolean {
    if (this.settled) return false;
    this.settled = true;
    if (this.timer) clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.onAbort);
    return true;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // It waited for a connection, and nobody waits for it any more.
    if (this.settled) controller.abort(cancelled());
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.status = status;
    this.headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = this.maxBytes - this.chunks.size;
    this.chunks.add(chunk.length > room ? chunk.subarray(0, room) : chunk);
    if (chunk.length <= room) return;
    this.finish(true);
    controller.abort(cancelled());
  }

  onResponseEnd(): void {
    this.finish(false);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.settle()) this.reject(networkError(error));
  }

  private finish(truncated: boolean): void {
    if (!this.settle()) return;
    const { status } = this;
    this.resolve({ status, headers: flatten(this.headers), body: this.chunks.take(), truncated });
  }
}

function flatten(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  for (const name in headers) if (typeof headers[name] !== "string") return joinRepeated(headers);
  return headers as Record<string, string>;
}

function joinRepeated(headers: IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = Object.create(null);
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return flat;
}

function timedOut(timeoutMs: number): PipelineError {
  return retryable(`no answer within ${Math.ceil(timeoutMs)} ms`, { code: Code.DEADLINE_EXCEEDED, reason: "timeout" });
}

function cancelled(): PipelineError {
  return retryable("the request was cancelled", { code: Code.CANCELLED, reason: "cancelled" });
}

function networkError(cause: unknown): PipelineError {
  if (cause instanceof PipelineError) return cause;
  const error = cause as NodeJS.ErrnoException;
  if (error.code === "UND_ERR_INVALID_ARG") {
    return permanent(`the request cannot be sent: ${error.message}`, { reason: "bad_request", cause });
  }
  const code = error.code ?? (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return retryable(`cannot reach the server: ${error.message || code || "unknown error"}`, {
    reason: "network",
    cause,
  });
}
