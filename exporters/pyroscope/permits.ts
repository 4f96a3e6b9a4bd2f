/** A number of permits; who finds none waits in line. */
export interface Permits {
  /** undefined where one is free at once. */
  acquire(): Promise<void> | undefined;
  release(): void;
}

export function createPermits(count: number): Permits {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    acquire() {
      if (free > 0) {
        free--;
        return undefined;
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    release() {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
  };
}
