import { type Context, type Metadata, withContext } from "../component/context.js";
import { Code, PipelineError, permanent, toPipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import { answer, type Flight, type Item } from "./batch-item.js";
import type { BatcherOptions, Trigger } from "./batcher-options.js";
import { rejectedOf } from "./drops.js";
import { exceeds } from "./partition.js";

export interface BatchSender {
  /** Sends the items as one batch and answers each. Never rejects. */
  send(items: Item[], metadata: Metadata, trigger: Trigger): Promise<void>;
}

/**
 * What a refusal means for those who share a batch:
 * - retryable: nobody took the data, so all senders hear it;
 * - permanent: the batch is halved until the offending item stands alone, so that only its sender hears it;
 * - partial: nobody knows whose samples were left out, so all are told "taken", and the loss is counted.
 */
export function createBatchSender(options: BatcherOptions): BatchSender {
  const { next, join, limit, answeredEarly } = options;

  async function send(items: Item[], metadata: Metadata, trigger: Trigger): Promise<void> {
    const live = items.filter((item) => item.done);
    if (live.length === 0) return;
    if (live.length === 1) return sendAlone(live[0], metadata, trigger);
    const batch = merge(live);
    if (!batch || exceeds(batch.sampleCount, batch.byteSize, limit)) return sendHalves(live, metadata, trigger);
    options.onBatch?.(trigger, batch.sampleCount, batch.byteSize);
    const flight = board(live);
    const error = await handOver(batch, contextOf(live, metadata, flight));
    if (error && isAboutTheData(error)) return sendHalves(live, metadata, trigger);
    if (error?.kind === "partial") options.onUnattributed(rejectedOf(error, batch.sampleCount), error);
    for (const item of live) answer(item, error?.kind === "partial" ? undefined : error);
  }

  async function sendHalves(items: Item[], metadata: Metadata, trigger: Trigger): Promise<void> {
    const middle = items.length >> 1;
    await send(items.slice(0, middle), metadata, trigger);
    await send(items.slice(middle), metadata, trigger);
  }

  async function sendAlone(item: Item, metadata: Metadata, trigger: Trigger): Promise<void> {
    const flight = board([item]);
    const ctx = contextOf([item], metadata, flight);
    if (exceeds(item.samples, item.bytes, limit)) return sendPieces(item, ctx, trigger);
    options.onBatch?.(trigger, item.samples, item.bytes);
    answer(item, await handOver(dataOf(item), ctx));
  }

  /** One sender's data in pieces. A sender that waits hears "retryable" at once; the rest is then not sent. */
  async function sendPieces(item: Item, ctx: Context, trigger: Trigger): Promise<void> {
    const pieces = split(dataOf(item));
    if (!Array.isArray(pieces)) return answer(item, pieces);
    let refused = 0;
    let last: PipelineError | undefined;
    let pieceCtx = ctx;
    for (const piece of pieces) {
      const error = await sendPiece(piece, pieceCtx, trigger);
      pieceCtx = withContext(ctx, { reservation: undefined });
      const missing = !error ? 0 : error.kind === "partial" ? rejectedOf(error, piece.sampleCount) : piece.sampleCount;
      item.progress?.(piece.sampleCount - missing);
      if (!error) continue;
      if (error.kind === "retryable" && !answeredEarly) return answer(item, error);
      refused += missing;
      last = error;
    }
    answer(item, last && refused < item.samples ? partlyRefused(last, refused, item.samples) : last);
  }

  async function sendPiece(piece: Profiles, ctx: Context, trigger: Trigger): Promise<PipelineError | undefined> {
    const { sampleCount, byteSize } = piece;
    if (exceeds(sampleCount, byteSize, limit)) {
      const message = `one sample size is greater than max size, dropping items: ${sampleCount}`;
      return permanent(message, { code: Code.RESOURCE_EXHAUSTED, httpStatus: 413, reason: "too_large" });
    }
    options.onBatch?.(trigger, sampleCount, byteSize);
    return handOver(piece, ctx);
  }

  async function handOver(batch: Profiles, ctx: Context): Promise<PipelineError | undefined> {
    try {
      await next(batch, ctx);
      return undefined;
    } catch (caught) {
      return toPipelineError(caught);
    }
  }

  /** undefined where the items can't be joined: then each has to go its own way. */
  function merge(items: Item[]): Profiles | undefined {
    try {
      return join.merge(items.map(dataOf));
    } catch {
      return undefined;
    }
  }

  function split(profiles: Profiles): Profiles[] | PipelineError {
    try {
      return join.split(profiles, limit);
    } catch (caught) {
      return toPipelineError(caught);
    }
  }

  return { send };
}

/** Of an item that has not been answered. */
function dataOf(item: Item): Profiles {
  return item.profiles as Profiles;
}

function board(items: Item[]): Flight {
  const flight: Flight = { waiting: items.length, controller: new AbortController() };
  for (const item of items) item.flight = flight;
  return flight;
}

/**
 * The context of a batch: of its senders only the partition's metadata and the latest of their deadlines, whether one
 * sender shares it or many. The first reservation
 * travels on, so that the queue lets the batch in; the others give back their room right before, in the same tick.
 */
function contextOf(items: Item[], metadata: Metadata, flight: Flight): Context {
  const [first] = items;
  let deadlineMs = first.ctx.deadlineMs;
  for (let i = 1; i < items.length; i++) {
    const { ctx } = items[i];
    ctx.reservation?.release();
    const both = deadlineMs !== undefined && ctx.deadlineMs !== undefined;
    deadlineMs = both ? Math.max(deadlineMs as number, ctx.deadlineMs as number) : undefined;
  }
  return {
    signal: flight.controller.signal,
    deadlineMs,
    metadata,
    client: undefined,
    reservation: first.ctx.reservation,
    span: items.length === 1 ? first.ctx.span : undefined,
  };
}

// Refusals of the sender rather than of what was sent: halving the batch would only repeat them.
const aboutTheSender: ReadonlySet<number> = new Set([
  Code.NOT_FOUND,
  Code.PERMISSION_DENIED,
  Code.UNIMPLEMENTED,
  Code.UNAUTHENTICATED,
]);

function isAboutTheData(error: PipelineError): boolean {
  return error.kind === "permanent" && !aboutTheSender.has(error.code);
}

function partlyRefused(error: PipelineError, refused: number, samples: number): PipelineError {
  return new PipelineError("partial", `${refused} of ${samples} samples were not taken: ${error.message}`, {
    code: Code.OK,
    rejectedSamples: refused,
    reason: error.reason,
    cause: error,
  });
}
