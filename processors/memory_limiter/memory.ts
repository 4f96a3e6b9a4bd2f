import { totalmem } from "node:os";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What the limiter sees of the process; tests bring their own. */
export interface Memory {
  /** Bytes in use: objects on the heap and the buffers outside of it. */
  usedBytes(): number;
  /** Bytes that this process may use: the container's limit, else the machine's memory. */
  availableBytes(): number;
  /** True if objects fill the heap nearly up to V8's own limit, which would end the process; buffers don't count. */
  heapIsNearlyFull(): boolean;
  /** Collects all garbage now. */
  collect(): void;
}

const nearlyFull = 0.85;

export const processMemory: Memory = {
  usedBytes() {
    // External memory includes every Buffer. process.memoryUsage() says the same, but reads /proc for the resident memory.
    const { used_heap_size, external_memory } = getHeapStatistics();
    return used_heap_size + external_memory;
  },
  availableBytes() {
    const machine = totalmem();
    // The limit of the cgroup (v1 or v2); 0 or a huge number where there is none.
    const container = process.constrainedMemory();
    return container > 0 && container < machine ? container : machine;
  },
  heapIsNearlyFull() {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    return used_heap_size > heap_size_limit * nearlyFull;
  },
  collect() {
    collector ??= findCollector();
    collector();
  },
};

let collector: (() => void) | undefined;

/** `gc` of --expose-gc; without that flag, a fresh context of V8 has it once the flag is set. */
function findCollector(): () => void {
  if (typeof globalThis.gc === "function") return () => globalThis.gc?.();
  setFlagsFromString("--expose-gc");
  const found: unknown = runInNewContext("gc");
  return typeof found === "function" ? () => found() : () => {};
}
