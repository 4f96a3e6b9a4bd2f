/** An entry in the order of use; hits move it without touching the map, whose table would be built anew every few of them. */
interface Entry<V> {
  readonly key: string;
  readonly value: V;
  readonly weight: number;
  older: Entry<V> | undefined;
  newer: Entry<V> | undefined;
}

/** A map that forgets what was used longest ago, bounded in entries and in what its keys and values weigh. */
export class LruCache<V> {
  readonly #entries = new Map<string, Entry<V>>();
  readonly #maxEntries: number;
  readonly #maxWeight: number;
  readonly #weigh: (key: string, value: V) => number;
  #weight = 0;
  #oldest: Entry<V> | undefined;
  #newest: Entry<V> | undefined;

  constructor(maxEntries: number, maxWeight: number, weigh: (key: string, value: V) => number) {
    this.#maxEntries = maxEntries;
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  get weight(): number {
    return this.#weight;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#append(entry);
    }
    return entry.value;
  }

  /** Keeps the value, unless it alone is heavier than a sixteenth of the bound. */
  set(key: string, value: V): void {
    const weight = this.#weigh(key, value);
    if (weight > this.#maxWeight / 16) return;
    this.#forget(this.#entries.get(key));
    const entry: Entry<V> = { key, value, weight, older: undefined, newer: undefined };
    this.#entries.set(key, entry);
    this.#append(entry);
    this.#weight += weight;
    while (this.#entries.size > this.#maxEntries || this.#weight > this.#maxWeight) this.#forget(this.#oldest);
  }

  #forget(entry: Entry<V> | undefined): void {
    if (!entry) return;
    this.#entries.delete(entry.key);
    this.#unlink(entry);
    this.#weight -= entry.weight;
  }

  #append(entry: Entry<V>): void {
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    else this.#oldest = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry<V>): void {
    if (entry.older) entry.older.newer = entry.newer;
    else this.#oldest = entry.newer;
    if (entry.newer) entry.newer.older = entry.older;
    else this.#newest = entry.older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
