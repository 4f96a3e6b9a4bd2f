import { Code, PipelineError } from "../../src/component/errors.js";
import type { BatchEncoder, SeriesProfile } from "./encode.js";

/** One push: a profile of one series, compressed. */
export interface Push {
  /** As fields of a Series message. */
  readonly labels: Buffer;
  readonly rawProfile: Buffer;
  readonly samples: number;
  readonly timeUnixNano: bigint;
  /** Answers so far that may have meant the profile itself. */
  unclearAnswers: number;
}

/** Why samples were given up, as delivery counts them. */
export type LossReason = "too_old" | "too_large" | "rejected";

/**
 * What became of a batch so far. Pyroscope doesn't recognise what it has already, so a batch that went through in part
 * must be continued at its next attempt, not begun again.
 */
export class BatchProgress {
  readonly encoder: BatchEncoder;
  /** Encoded, and to be sent in this attempt. */
  ready: SeriesProfile[] = [];
  /** Failed in an earlier attempt, and to be sent in this one. */
  again: Push[] = [];
  /** Failed in this attempt, to be sent in the next. */
  failed: Push[] = [];
  delivered = 0;
  /** Set while an attempt should take no more pushes up. */
  stopped = false;
  private lastFailure: PipelineError | undefined;
  private retryAfterMs = 0;
  private readonly lost = new Map<LossReason, number>();
  private firstLoss: PipelineError | undefined;
  private isRunning = false;
  private readonly waiting: (() => void)[] = [];

  constructor(encoder: BatchEncoder) {
    this.encoder = encoder;
  }

  /**
   * An attempt that was cut off may still have pushes on the wire, for which the next one waits: undefined where there are
   * none. Whoever had its turn says when it has ended.
   */
  turn(): Promise<void> | undefined {
    if (this.isRunning) return new Promise((resolve) => this.waiting.push(resolve));
    this.isRunning = true;
    return undefined;
  }

  endTurn(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.isRunning = false;
  }

  beginAttempt(): void {
    this.stopped = false;
    if (this.failed.length > 0) {
      this.again.push(...this.failed);
      this.failed = [];
    }
    this.lastFailure = undefined;
    this.retryAfterMs = 0;
  }

  /** Nobody will take these samples. */
  lose(reason: LossReason, samples: number, error: PipelineError): void {
    if (samples === 0) return;
    this.lost.set(reason, (this.lost.get(reason) ?? 0) + samples);
    this.firstLoss ??= error;
  }

  /** Nobody will take what is left. */
  giveUp(error: PipelineError): void {
    for (const push of this.again) this.lose("rejected", push.samples, error);
    for (const profile of this.ready) this.lose("rejected", profile.pprof.sampleCount, error);
    this.again = [];
    this.ready = [];
    this.lose("rejected", this.encoder.skip(), error);
  }

  /** A push must be sent again. */
  fail(push: Push, error: PipelineError): void {
    this.failed.push(push);
    this.lastFailure = error;
    this.retryAfterMs = Math.max(this.retryAfterMs, error.retryAfterMs ?? 0);
  }

  /** What there is to take up in this attempt: pushes, or captures that pushes are made of. */
  get pending(): number {
    return this.again.length + this.ready.length + this.encoder.remaining;
  }

  /** The error to retry with, or undefined when there is nothing left to send. */
  unfinished(): PipelineError | undefined {
    if (this.pending + this.failed.length === 0) return undefined;
    const last = this.lastFailure;
    return new PipelineError("retryable", last?.message ?? "the attempt ended before all was sent", {
      code: last?.code ?? Code.CANCELLED,
      httpStatus: last?.httpStatus,
      retryAfterMs: this.retryAfterMs > 0 ? this.retryAfterMs : undefined,
      reason: last?.reason ?? "cancelled",
      cause: last,
    });
  }

  /** What the batch came to once nothing is left to send; undefined = all of it is in Pyroscope. */
  outcome(): PipelineError | undefined {
    const { firstLoss } = this;
    if (!firstLoss) return undefined;
    const [reason, total] = this.mostly();
    // Nothing was taken, and the backend said why: its answer is the answer.
    if (this.delivered === 0 && this.lost.size === 1 && reason === "rejected") return firstLoss;
    return new PipelineError("partial", firstLoss.message, {
      code: Code.OK,
      rejectedSamples: total,
      reason: reason === "rejected" ? "partial" : reason,
      cause: firstLoss,
    });
  }

  /** The reason that took most samples, and all samples lost. */
  private mostly(): [LossReason, number] {
    let most: LossReason = "rejected";
    let total = 0;
    for (const [reason, samples] of this.lost) {
      if (samples > (this.lost.get(most) ?? 0)) most = reason;
      total += samples;
    }
    return [most, total];
  }
}
