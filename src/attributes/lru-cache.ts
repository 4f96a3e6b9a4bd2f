/** A map that forgets what was used longest ago, bounded in entries and in what its keys and values weigh. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>();
  readonly #maxEntries: number;
  readonly #maxWeight: number;
  readonly #weigh: (key: string, value: V) => number;
  #weight = 0;

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
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Keeps the value, unless it alone is heavier than a sixteenth of the bound. */
  set(key: string, value: V): void {
    const weight = this.#weigh(key, value);
    if (weight > this.#maxWeight / 16) return;
    this.#forget(key);
    this.#entries.set(key, value);
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#weight <= this.#maxWeight) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(key, value);
  }
}
