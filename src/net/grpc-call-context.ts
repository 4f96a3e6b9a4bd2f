import type { Client, Context, Metadata } from "../component/context.js";
import type { LazySignal } from "./lazy-signal.js";

/** The context of one gRPC call. */
export class CallContext implements Context {
  readonly deadlineMs: number | undefined;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly reservation = undefined;
  readonly span: unknown;
  readonly gone: LazySignal;

  constructor(gone: LazySignal, deadlineMs: number | undefined, metadata: Metadata, client: Client, span: unknown) {
    this.gone = gone;
    this.deadlineMs = deadlineMs;
    this.metadata = metadata;
    this.client = client;
    this.span = span;
  }

  get signal(): AbortSignal {
    return this.gone.signal;
  }
}
