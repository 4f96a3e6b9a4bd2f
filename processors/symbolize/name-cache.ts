import type { Frame } from "../../src/symbols/frame.js";
import type { Segment } from "../../src/symbols/segments.js";

/** What is known of one binary: functions by ELF virtual address, null where it has no name. */
export interface KnownBinary {
  readonly identity: string;
  readonly segments: readonly Segment[];
  readonly frames: Map<bigint, readonly Frame[] | null>;
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

  get size(): number {
    return this.binaries.size;
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
  add(
    identity: string,
    segments: readonly Segment[],
    addresses: readonly bigint[],
    frames: readonly (readonly Frame[] | null)[],
  ): KnownBinary {
    let known = this.get(identity);
    if (!known) {
      known = { identity, segments, frames: new Map(), shared: new Map(), bytes: binaryBytes };
      this.bytes += binaryBytes;
      this.binaries.set(identity, known);
    }
    const before = known.bytes;
    addresses.forEach((address, i) => {
      addFrames(known, address, frames[i]);
    });
    this.bytes += known.bytes - before;
    this.evict(known);
    return known;
  }

  /** A binary whose names alone are more than the budget is used once and not kept. */
  private evict(newest: KnownBinary): void {
    for (const [identity, each] of this.binaries) {
      if (this.bytes <= this.maxBytes) return;
      if (each === newest && this.binaries.size > 1) continue;
      this.binaries.delete(identity);
      this.bytes -= each.bytes;
    }
  }

  clear(): void {
    this.binaries.clear();
    this.bytes = 0;
  }
}

function addFrames(known: KnownBinary, address: bigint, frames: readonly Frame[] | null): void {
  if (known.frames.has(address)) return;
  known.bytes += addressBytes;
  known.frames.set(address, frames && frames.map((frame) => sharedFrame(known, frame)));
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
