import type { Metadata } from "../component/context.js";
import { noMetadata } from "../component/context.js";
import type { Item } from "./batch-item.js";
import type { Timer } from "./clock.js";

/** Limits of a batch; 0 = none. */
export interface BatchLimit {
  readonly maxSamples: number;
  readonly maxBytes: number;
}

/** What waits to be sent together: the pending items of one combination of metadata values, oldest first. */
export class Partition {
  readonly key: string;
  /** The partition's own keys only: what a merged batch may say about its senders. */
  readonly metadata: Metadata;
  items: Item[] = [];
  samples = 0;
  bytes = 0;
  timer: Timer | undefined;
  /** When the timer fires. */
  dueMs = Number.POSITIVE_INFINITY;
  /** The timer has fired for what is pending now. */
  overdue = false;
  lastUsedMs = 0;

  constructor(key: string, metadata: Metadata) {
    this.key = key;
    this.metadata = metadata;
  }

  add(item: Item): void {
    this.items.push(item);
    this.samples += item.samples;
    this.bytes += item.bytes;
  }

  /** False where it isn't pending here any more. */
  remove(item: Item): boolean {
    const index = this.items.indexOf(item);
    if (index < 0) return false;
    this.items.splice(index, 1);
    this.#forget(item);
    return true;
  }

  /** Takes the oldest items that fit the limit together, at least one. */
  take(limit: BatchLimit): Item[] {
    let samples = 0;
    let bytes = 0;
    let count = 0;
    for (; count < this.items.length; count++) {
      samples += this.items[count].samples;
      bytes += this.items[count].bytes;
      if (count > 0 && exceeds(samples, bytes, limit)) break;
    }
    const group = count === this.items.length ? this.items : this.items.slice(0, count);
    this.items = count === this.items.length ? [] : this.items.slice(count);
    for (const item of group) this.#forget(item);
    return group;
  }

  #forget(item: Item): void {
    this.samples -= item.samples;
    this.bytes -= item.bytes;
  }
}

export function exceeds(samples: number, bytes: number, limit: BatchLimit): boolean {
  return (limit.maxSamples > 0 && samples > limit.maxSamples) || (limit.maxBytes > 0 && bytes > limit.maxBytes);
}

/** The values of `keys` (lower case) as text; an unset key differs from one with an empty value. */
export function partitionKey(metadata: Metadata, keys: readonly string[]): string {
  if (keys.length === 0) return "";
  return JSON.stringify(keys.map((key) => metadata.get(key) ?? null));
}

export function partitionMetadata(metadata: Metadata, keys: readonly string[]): Metadata {
  if (keys.length === 0) return noMetadata;
  const kept = new Map<string, readonly string[]>();
  for (const key of keys) {
    const values = metadata.get(key);
    if (values) kept.set(key, values);
  }
  return kept;
}
