import type { Reservation } from "../component/consumer.js";
import { type Context, withContext } from "../component/context.js";
import { Code, type PipelineError, permanent, retryable } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import { type Aged, AgeList } from "./age-list.js";
import { type BlockedSenders, createBlockedSenders } from "./blocked-senders.js";
import { callerGone, shuttingDown } from "./caller.js";
import type { Clock } from "./clock.js";
import type { QueueConfig, Sizer } from "./config.js";
import type { Queue, QueueStages } from "./queue.js";

/** Senders that may stand in front of a full queue with `block_on_overflow`; further ones are refused. */
export const maxBlockedSenders = 1000;

/** What the queue holds from the moment it is taken until it is settled. */
interface Item extends Aged<Item> {
  /** Let go when the item is settled: what still points to the item then may be old, and keep the data for long. */
  profiles: Profiles | undefined;
  readonly ctx: Context;
  readonly size: number;
  readonly samples: number;
  /** Samples of pieces that have arrived already. */
  arrived: number;
  readonly takenMs: number;
  /** Set when the sender waits for the result. */
  answer: ((error: PipelineError | undefined) => void) | undefined;
}

/** Room in one queue for one item; whoever brings it is let in. */
class QueueReservation implements Reservation {
  readonly owner: MemoryQueue;
  readonly size: number;
  held = true;

  constructor(owner: MemoryQueue, size: number) {
    this.owner = owner;
    this.size = size;
  }

  release(): void {
    if (!this.held) return;
    this.held = false;
    this.owner.returnReserved(this.size);
  }
}

const taken = Promise.resolve();

/**
 * A bounded first-in-first-out queue. An item keeps its room until it is settled, so that the bound covers what is
 * being sent and retried too.
 */
export function createMemoryQueue(config: QueueConfig, stages: QueueStages, clock: Clock): Queue {
  return new MemoryQueue(config, stages, clock);
}

class MemoryQueue implements Queue {
  readonly capacity: number;
  readonly #config: QueueConfig;
  readonly #stages: QueueStages;
  readonly #clock: Clock;
  readonly #items = new AgeList<Item>();
  readonly #blocked: BlockedSenders;
  /** Room of items and reservations. */
  #used = 0;
  /** The part of `#used` that waits in this queue. */
  #waiting = 0;
  #samples = 0;
  #delivering = 0;
  #dispatching = false;
  #closed = false;
  #onEmpty: (() => void)[] = [];

  constructor(config: QueueConfig, stages: QueueStages, clock: Clock) {
    this.#config = config;
    this.#stages = stages;
    this.#clock = clock;
    this.#blocked = createBlockedSenders(maxBlockedSenders, clock);
    this.capacity = config.queue_size;
  }

  size(): number {
    return this.#used;
  }

  openSamples(): number {
    return this.#config.wait_for_result ? 0 : this.#samples;
  }

  oldestAgeMs(): number {
    const { oldest } = this.#items;
    return oldest ? this.#clock.now() - oldest.takenMs : 0;
  }

  reserve(profiles: Profiles): Reservation | "full" | undefined {
    if (this.#closed) return "full";
    const size = sizeOf(profiles, this.#config.sizer);
    // Too large ever to fit: consume says so with an error that no one retries.
    if (this.#config.block_on_overflow || size > this.capacity) return undefined;
    // Nothing is shed for a reservation: another branch may still refuse.
    if (!this.#fits(size)) return this.#fitsAfterShedding(size) ? undefined : "full";
    this.#used += size;
    return new QueueReservation(this, size);
  }

  /** For reservations only. */
  returnReserved(size: number): void {
    this.#used -= size;
    this.#admitBlocked();
  }

  consume(profiles: Profiles, ctx: Context): Promise<void> {
    const { reservation } = ctx;
    const invited = reservation instanceof QueueReservation && reservation.owner === this && reservation.held;
    reservation?.release();
    if (this.#closed) return this.#refuse(profiles, shuttingDown());
    const size = sizeOf(profiles, this.#config.sizer);
    if (invited || (this.#fits(size) && this.#blocked.size === 0)) return this.#take(profiles, ctx, size);
    if (size > this.capacity) return this.#refuse(profiles, tooLarge(size, this.#config));
    if (this.#config.block_on_overflow) return this.#block(profiles, ctx, size);
    if (!this.#fitsAfterShedding(size)) return this.#refuse(profiles, full());
    while (!this.#fits(size) && this.#shed());
    return this.#take(profiles, ctx, size);
  }

  drain(): Promise<void> {
    this.#closed = true;
    this.#blocked.turnAway(shuttingDown());
    if (!this.#items.oldest) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  abandon(error: PipelineError): void {
    for (let item = this.#items.nextUp; item; item = this.#items.nextUp) this.#settle(item, error);
  }

  #fits(size: number): boolean {
    return this.#used + size <= this.capacity;
  }

  #fitsAfterShedding(size: number): boolean {
    if (this.#config.on_full !== "drop_oldest") return false;
    const sheddable = this.#waiting + (this.#stages.held?.size(this.#config.sizer) ?? 0);
    return this.#used - sheddable + size <= this.capacity;
  }

  /** Gives up the oldest item that is not being sent. */
  #shed(): boolean {
    const error = retryable("dropped from a full sending queue for newer data", { reason: "queue_full_oldest" });
    if (this.#stages.held?.shedOldest(error)) return true;
    const item = this.#items.nextUp;
    if (item) this.#settle(item, error);
    return item !== undefined;
  }

  #refuse(profiles: Profiles, error: PipelineError): Promise<void> {
    this.#stages.refused(profiles.sampleCount);
    return Promise.reject(error);
  }

  #block(profiles: Profiles, ctx: Context, size: number): Promise<void> {
    const admit = () => this.#take(profiles, ctx, size);
    const turnedAway = () => this.#stages.refused(profiles.sampleCount);
    return this.#blocked.wait(size, ctx, admit, turnedAway) ?? this.#refuse(profiles, full());
  }

  #admitBlocked(): void {
    if (this.#blocked.size > 0) this.#blocked.admitWhile((size) => this.#fits(size));
  }

  #take(profiles: Profiles, ctx: Context, size: number): Promise<void> {
    const item: Item = {
      profiles,
      ctx: this.#config.wait_for_result ? withContext(ctx, { reservation: undefined }) : detached(ctx),
      size,
      samples: profiles.sampleCount,
      arrived: 0,
      takenMs: this.#clock.now(),
      answer: undefined,
      waiting: true,
      older: undefined,
      newer: undefined,
    };
    const result = this.#config.wait_for_result ? this.#resultOf(item) : taken;
    this.#items.add(item);
    this.#used += size;
    this.#waiting += size;
    this.#samples += item.samples;
    this.#dispatch();
    return result;
  }

  #resultOf(item: Item): Promise<void> {
    const { signal } = item.ctx;
    return new Promise((resolve, reject) => {
      // A sender that is gone will send again: what has not been handed on must not go out as well.
      const onGone = () => {
        if (item.waiting) this.#settle(item, callerGone());
      };
      signal?.addEventListener("abort", onGone, { once: true });
      item.answer = (error) => {
        signal?.removeEventListener("abort", onGone);
        if (error) reject(error);
        else resolve();
      };
    });
  }

  #dispatch(): void {
    if (this.#dispatching) return;
    this.#dispatching = true;
    while (this.#delivering < this.#stages.consumers) {
      const item = this.#items.handOn();
      if (!item) break;
      this.#waiting -= item.size;
      this.#delivering++;
      const done = (error: PipelineError | undefined) => {
        this.#delivering--;
        this.#settle(item, error);
      };
      const progress = (samples: number) => {
        item.arrived += samples;
        this.#samples -= samples;
      };
      this.#stages.deliver(item.profiles as Profiles, item.ctx, done, progress);
    }
    this.#dispatching = false;
  }

  #settle(item: Item, error: PipelineError | undefined): void {
    this.#items.remove(item);
    item.profiles = undefined;
    if (item.waiting) {
      item.waiting = false;
      this.#waiting -= item.size;
    }
    this.#used -= item.size;
    this.#samples -= item.samples - item.arrived;
    this.#stages.settled(item.samples, error, item.answer === undefined);
    item.answer?.(error);
    this.#admitBlocked();
    this.#dispatch();
    if (!this.#items.oldest) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}

/** What goes on after the sender was answered: its going away must not stop it. */
function detached(ctx: Context): Context {
  return withContext(ctx, { signal: undefined, deadlineMs: undefined, reservation: undefined });
}

function sizeOf(profiles: Profiles, sizer: Sizer): number {
  if (sizer === "requests") return 1;
  return sizer === "items" ? profiles.sampleCount : profiles.byteSize;
}

function full(): PipelineError {
  return retryable("sending queue is full", { reason: "queue_full" });
}

function tooLarge(size: number, config: QueueConfig): PipelineError {
  const message = `element size too large: ${size} ${config.sizer} do not fit into a queue of ${config.queue_size}`;
  return permanent(message, { code: Code.RESOURCE_EXHAUSTED, httpStatus: 413, reason: "too_large" });
}
