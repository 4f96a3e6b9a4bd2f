import type { Context } from "../component/context.js";
import { type PipelineError, permanent } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import { answer, type Item } from "./batch-item.js";
import { createBatchSender } from "./batch-sender.js";
import type { BatcherOptions, Trigger } from "./batcher-options.js";
import { callerGone } from "./caller.js";
import type { Clock } from "./clock.js";
import type { Sizer } from "./config.js";
import { exceeds, Partition, partitionKey, partitionMetadata } from "./partition.js";
import type { Sheddable } from "./queue.js";
import type { Done, Progress } from "./send.js";

export interface Batcher {
  /**
   * Answers through `done` when the data has reached the next stage; `progress` hears of the pieces of a request that
   * had to be split. The caller bounds what is held.
   */
  add(profiles: Profiles, ctx: Context, done: Done, progress?: Progress): void;
  /** What is pending and not on its way. */
  readonly pending: Sheddable;
  /** Combinations of metadata values known now. */
  partitions(): number;
  /** From now on nothing waits for company. Resolves when everything added is answered. */
  drain(): Promise<void>;
  /** Answers what is pending with `error` and aborts what is on its way. */
  abandon(error: PipelineError): void;
  /** Answers what is on its way too, without waiting for the next stage. */
  giveUp(error: PipelineError): void;
}

/** A sender that names a deadline is served when this part of its time has passed. */
const shareOfDeadline = 0.8;
const idlePartitionMs = 600_000;

/** The one batcher: processor `batch` and `sending_queue.batch` share it. */
export function createBatcher(options: BatcherOptions): Batcher {
  return new TimedBatcher(options);
}

class TimedBatcher implements Batcher {
  readonly pending: Sheddable;
  readonly #options: BatcherOptions;
  readonly #clock: Clock;
  readonly #sender: ReturnType<typeof createBatchSender>;
  readonly #partitions = new Map<string, Partition>();
  /** Partitions with a batch to send, served in turn. */
  readonly #ready = new Set<Partition>();
  /** Items on their way. */
  readonly #flying = new Set<Item>();
  #flights = 0;
  #draining = false;
  #onEmpty: (() => void)[] = [];

  constructor(options: BatcherOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#sender = createBatchSender(options);
    this.pending = {
      size: (sizer) => this.#pendingSize(sizer),
      shedOldest: (error) => this.#shedOldest(error),
    };
  }

  add(profiles: Profiles, ctx: Context, done: Done, progress?: Progress): void {
    const partition = this.#partitionFor(ctx);
    if (!partition) {
      ctx.reservation?.release();
      done(permanent("too many batcher metadata-value combinations", { reason: "cardinality" }));
      return;
    }
    const nowMs = this.#clock.now();
    const item = this.#itemOf(profiles, ctx, nowMs, done, progress);
    if (ctx.signal) {
      item.onGone = () => this.#dropGone(item, partition);
      ctx.signal.addEventListener("abort", item.onGone, { once: true });
    }
    partition.lastUsedMs = nowMs;
    partition.add(item);
    if (this.#isReady(partition)) this.#makeReady(partition);
    else this.#setTimer(partition, item.dueMs);
  }

  partitions(): number {
    return this.#partitions.size;
  }

  drain(): Promise<void> {
    this.#draining = true;
    for (const partition of this.#partitions.values()) this.#makeReady(partition);
    if (this.#isEmpty()) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }

  abandon(error: PipelineError): void {
    while (this.#shedOldest(error));
    for (const item of [...this.#flying]) item.flight?.controller.abort(error);
  }

  giveUp(error: PipelineError): void {
    this.abandon(error);
    for (const item of [...this.#flying]) answer(item, error);
    this.#flying.clear();
    this.#signalEmpty();
  }

  #itemOf(profiles: Profiles, ctx: Context, nowMs: number, done: Done, progress: Progress | undefined): Item {
    const { timeoutMs, limit } = this.#options;
    if (limit.maxBytes > 0) profiles.open();
    const patienceMs = ctx.deadlineMs === undefined ? timeoutMs : (ctx.deadlineMs - nowMs) * shareOfDeadline;
    return {
      profiles,
      ctx,
      samples: profiles.sampleCount,
      bytes: profiles.byteSize,
      addedMs: nowMs,
      dueMs: nowMs + Math.max(0, Math.min(timeoutMs, patienceMs)),
      done,
      progress,
      flight: undefined,
      onGone: undefined,
    };
  }

  /** The sender will send again: what has not left must not go out as well. */
  #dropGone(item: Item, partition: Partition): void {
    const { flight } = item;
    if (!flight && partition.remove(item)) this.#tidy(partition);
    if (flight && --flight.waiting === 0) flight.controller.abort(callerGone());
    answer(item, callerGone());
    this.#signalEmpty();
  }

  #isLarge(partition: Partition): boolean {
    const { minSamples, minBytes, timeoutMs } = this.#options;
    if (this.#draining || timeoutMs === 0 || (minSamples === 0 && minBytes === 0)) return true;
    return (minSamples > 0 && partition.samples >= minSamples) || (minBytes > 0 && partition.bytes >= minBytes);
  }

  #isReady(partition: Partition): boolean {
    if (partition.items.length === 0) return false;
    return (
      partition.overdue || this.#isLarge(partition) || exceeds(partition.samples, partition.bytes, this.#options.limit)
    );
  }

  #makeReady(partition: Partition): void {
    if (partition.items.length > 0) this.#ready.add(partition);
    this.#pump();
  }

  #pump(): void {
    while (this.#ready.size > 0 && this.#flights < this.#options.concurrency) {
      const partition = this.#ready.values().next().value as Partition;
      this.#ready.delete(partition);
      const trigger = partition.overdue ? "timeout" : "size";
      const group = partition.take(this.#options.limit);
      if (group.length > 0) this.#fly(partition, group, trigger);
      if (this.#isReady(partition)) this.#ready.add(partition);
      else this.#tidy(partition);
    }
  }

  #fly(partition: Partition, group: Item[], trigger: Trigger): void {
    this.#flights++;
    for (const item of group) this.#flying.add(item);
    this.#sender.send(group, partition.metadata, trigger).then(() => {
      this.#flights--;
      for (const item of group) this.#flying.delete(item);
      this.#pump();
      this.#signalEmpty();
    });
  }

  /** After items left: the timer belongs to those that stay; an empty partition is forgotten where nothing counts them. */
  #tidy(partition: Partition): void {
    partition.overdue = false;
    this.#stopTimer(partition);
    if (partition.items.length > 0) {
      let dueMs = Number.POSITIVE_INFINITY;
      for (const item of partition.items) dueMs = Math.min(dueMs, item.dueMs);
      this.#setTimer(partition, dueMs);
    } else {
      this.#ready.delete(partition);
      if (this.#options.metadataCardinalityLimit === 0) this.#partitions.delete(partition.key);
    }
  }

  #setTimer(partition: Partition, dueMs: number): void {
    if (partition.timer !== undefined && partition.dueMs <= dueMs) return;
    this.#stopTimer(partition);
    partition.dueMs = dueMs;
    partition.timer = this.#clock.setTimer(() => {
      partition.timer = undefined;
      partition.overdue = true;
      this.#makeReady(partition);
    }, dueMs - this.#clock.now());
  }

  #stopTimer(partition: Partition): void {
    if (partition.timer !== undefined) this.#clock.clearTimer(partition.timer);
    partition.timer = undefined;
  }

  #partitionFor(ctx: Context): Partition | undefined {
    const { metadataKeys, metadataCardinalityLimit } = this.#options;
    const key = partitionKey(ctx.metadata, metadataKeys);
    let partition = this.#partitions.get(key);
    if (partition) return partition;
    if (metadataCardinalityLimit > 0 && this.#partitions.size >= metadataCardinalityLimit && !this.#forgetIdle()) {
      return undefined;
    }
    partition = new Partition(key, partitionMetadata(ctx.metadata, metadataKeys));
    this.#partitions.set(key, partition);
    return partition;
  }

  #forgetIdle(): boolean {
    const beforeMs = this.#clock.now() - idlePartitionMs;
    for (const partition of this.#partitions.values()) {
      if (partition.items.length === 0 && partition.lastUsedMs <= beforeMs)
        return this.#partitions.delete(partition.key);
    }
    return false;
  }

  #pendingSize(sizer: Sizer): number {
    let size = 0;
    for (const partition of this.#partitions.values()) {
      if (sizer === "requests") size += partition.items.length;
      else size += sizer === "items" ? partition.samples : partition.bytes;
    }
    return size;
  }

  #shedOldest(error: PipelineError): boolean {
    let oldest: Partition | undefined;
    for (const partition of this.#partitions.values()) {
      if (partition.items.length === 0) continue;
      if (!oldest || partition.items[0].addedMs < oldest.items[0].addedMs) oldest = partition;
    }
    if (!oldest) return false;
    const [item] = oldest.items;
    oldest.remove(item);
    if (oldest.items.length === 0) this.#tidy(oldest);
    answer(item, error);
    this.#signalEmpty();
    return true;
  }

  #isEmpty(): boolean {
    if (this.#flying.size > 0) return false;
    for (const partition of this.#partitions.values()) if (partition.items.length > 0) return false;
    return true;
  }

  #signalEmpty(): void {
    if (this.#onEmpty.length > 0 && this.#isEmpty()) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
