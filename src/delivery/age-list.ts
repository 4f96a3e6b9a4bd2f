/** A node of an AgeList; embed it in the item. */
export interface Aged<T> {
  older: T | undefined;
  newer: T | undefined;
  /** False once it has been handed on. */
  waiting: boolean;
}

/**
 * Items in the order of their arrival, each first waiting, then handed on, then removed; removal is possible at any
 * place and costs the same everywhere.
 */
export class AgeList<T extends Aged<T>> {
  oldest: T | undefined;
  /** The oldest item that still waits. */
  nextUp: T | undefined;
  #newest: T | undefined;

  add(item: T): void {
    item.older = this.#newest;
    if (this.#newest) this.#newest.newer = item;
    else this.oldest = item;
    this.#newest = item;
    this.nextUp ??= item;
  }

  /** Marks `nextUp` as handed on and returns it. */
  handOn(): T | undefined {
    const item = this.nextUp;
    if (!item) return undefined;
    item.waiting = false;
    this.nextUp = item.newer;
    return item;
  }

  remove(item: T): void {
    if (this.nextUp === item) this.nextUp = item.newer;
    if (item.older) item.older.newer = item.newer;
    else this.oldest = item.newer;
    if (item.newer) item.newer.older = item.older;
    else this.#newest = item.older;
    item.older = undefined;
    item.newer = undefined;
  }
}
