import type { Frame } from "../../src/symbols/frame.js";
import type { Segment } from "../../src/symbols/segments.js";
import type { Found } from "./protocol.js";

/** What is known of one binary: functions by ELF virtual address, null where it has no name. */
export interface KnownBinary {
  readonly segments: readonly Segment[];
  readonly isStripped: boolean;
  readonly sinceMs: number;
  readonly frames: Map<number, readonly Frame[] | null>;
  /** Equal functions are one object. */
  readonly shared: Map<string, Frame>;
  bytes: number;
}

const binaryBytes = 1024;
const addressBytes = 96;
const frameBytes = 160;

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
  add({ identity, segments, isStripped, frames }: Found, addresses: readonly number[], nowMs: number): void {
    let known = this.get(identity);
    if (!known) {
      known = { segments, isStripped, sinceMs: nowMs, frames: new Map(), shared: new Map(), bytes: binaryBytes };
      this.bytes += binaryBytes;
      this.binaries.set(identity, known);
    }
    const before = known.bytes;
    for (const [i, address] of addresses.entries()) addFrames(known, address, frames[i]);
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

function addFrames(known: KnownBinary, address: number, frames: readonly Frame[] | null): void {
  if (known.frames.has(address)) return;
  known.bytes += addressBytes;
  known.frames.set(address, frames === null ? null : frames.map((frame) => sharedFrame(known, frame)));
}

function sharedFrame(known: KnownBinary, frame: Frame): Frame {
  const key = `${frame.name}\n${frame.file}\n${frame.line}\n${frame.startLine}\n${frame.systemName}`;
  let shared = known.shared.get(key);
  known.bytes += 8;
  if (!shared) {
    shared = frame;
    known.shared.set(key, frame);
    known.bytes += frameBytes + 2 * key.length;
  }
  return shared;
}
