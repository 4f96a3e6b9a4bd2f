import type { Reservation } from "./reservation.js";

/** Client metadata (HTTP headers or gRPC metadata), keys in lower case, each with its values in order. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

export const noMetadata: Metadata = new Map();

/** Who is calling: the peer's address ("127.0.0.1:5000" or "unix"), and what its authenticator said. */
export interface Client {
  readonly address: string;
  readonly auth: Readonly<Record<string, string>>;
  /** How the data came, as own metrics label it: "grpc" or "http". */
  readonly transport?: string;
}

/** Tells that the caller went away or its deadline passed. */
export interface Gone {
  readonly aborted: boolean;
  /** `listener` will be called once, unless it is taken off before. */
  on(listener: () => void): void;
  off(listener: () => void): void;
}

/** What travels beside the data. Immutable: `withContext` makes a changed copy. */
export interface Context {
  /** Aborted when the caller went away or its deadline passed. */
  readonly signal: AbortSignal | undefined;
  /** The same, where there is something that costs less than a signal; see `goneOf`. */
  readonly gone?: Gone;
  /** The caller gives up at this time (performance.now() clock, milliseconds); undefined = never. */
  readonly deadlineMs: number | undefined;
  readonly metadata: Metadata;
  readonly client: Client | undefined;
  /** Room that fan-out has reserved in this branch; whoever queues the data spends it. */
  readonly reservation: Reservation | undefined;
  /** Opaque span context of the caller (src/telemetry/trace), for spans of our own work. */
  readonly span: unknown;
}

export const background: Context = Object.freeze({
  signal: undefined,
  deadlineMs: undefined,
  metadata: noMetadata,
  client: undefined,
  reservation: undefined,
  span: undefined,
});

/** A copy of `ctx` with some fields changed; every context has the same shape. */
export function withContext(ctx: Context, change: Partial<Context>): Context {
  return {
    signal: "signal" in change ? change.signal : ctx.signal,
    deadlineMs: "deadlineMs" in change ? change.deadlineMs : ctx.deadlineMs,
    metadata: change.metadata ?? ctx.metadata,
    client: "client" in change ? change.client : ctx.client,
    reservation: "reservation" in change ? change.reservation : ctx.reservation,
    span: "span" in change ? change.span : ctx.span,
  };
}

/** For who listens for the end of a context: undefined where there is none. */
export function goneOf(ctx: Context): Gone | undefined {
  if (ctx.gone) return ctx.gone;
  return ctx.signal && new SignalGone(ctx.signal);
}

class SignalGone implements Gone {
  private readonly signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  get aborted(): boolean {
    return this.signal.aborted;
  }

  on(listener: () => void): void {
    this.signal.addEventListener("abort", listener, { once: true });
  }

  off(listener: () => void): void {
    this.signal.removeEventListener("abort", listener);
  }
}
