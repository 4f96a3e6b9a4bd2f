import { KnownBinary } from "./known-binary.js";
import type { Found } from "./protocol.js";

/** Names that were found, by binary; the binaries that were not asked for the longest go first. */
export class NameCache {
  private readonly maxBytes: number;
  private readonly binaries = new Map<string, KnownBinary>();
  bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get(identity: string): KnownBinary | undefined {
    const known = this.binaries.get(identity);
    if (known) {
      this.binaries.delete(identity);
      this.binaries.set(identity, known);
    }
    return known;
  }

  /** Remembers what was found at these virtual addresses. */
  add({ identity, segments, isStripped, columns }: Found, addresses: readonly number[], nowMs: number): void {
    let known = this.get(identity);
    if (!known) {
      known = new KnownBinary(segments, isStripped, nowMs);
      this.bytes += known.bytes;
      this.binaries.set(identity, known);
    }
    const before = known.bytes;
    known.learn(addresses, columns);
    this.bytes += known.bytes - before;
    this.evict(known);
  }

  delete(identity: string): void {
    this.bytes -= this.binaries.get(identity)?.bytes ?? 0;
    this.binaries.delete(identity);
  }

  /** A binary whose names alone are more than the budget is not kept. */
  private evict(newest: KnownBinary): void {
    for (const [identity, each] of this.binaries) {
      if (this.bytes <= this.maxBytes) return;
      if (each === newest && this.binaries.size > 1) continue;
      this.delete(identity);
    }
    if (this.bytes > this.maxBytes) this.clear();
  }

  clear(): void {
    this.binaries.clear();
    this.bytes = 0;
  }
}
