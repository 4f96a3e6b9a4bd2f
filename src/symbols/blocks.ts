import type { ByteSource } from "./byte-source.js";

const blockBytes = 16 * 1024;
const maxBlocks = 256;

/** Reads small pieces of a source block by block; the last blocks are kept, at most 4 MiB. */
export class BlockReader {
  private readonly source: ByteSource;
  private readonly blocks = new Map<number, Buffer>();
  private lastIndex = -1;
  private last: Buffer = Buffer.alloc(0);
  /** Where in the bytes that `read` gave the piece begins. */
  at = 0;

  constructor(source: ByteSource) {
    this.source = source;
  }

  /** Bytes that hold the piece from `at` on, good until the next one is read; undefined where it is not in the source. */
  read(offset: number, length: number): Buffer | undefined {
    if (offset < 0 || length > blockBytes || offset + length > this.source.size) return undefined;
    const index = Math.floor(offset / blockBytes);
    this.at = offset - index * blockBytes;
    if (this.at + length > blockBytes) {
      this.at = 0;
      return this.source.read(offset, length);
    }
    if (index !== this.lastIndex) {
      // A block that can't be read leaves the memory of another one spoilt.
      this.lastIndex = -1;
      this.last = this.blockAt(index);
      this.lastIndex = index;
    }
    return this.last;
  }

  private blockAt(index: number): Buffer {
    const known = this.blocks.get(index);
    if (known) return known;
    const offset = index * blockBytes;
    const block = this.blocks.size < maxBlocks ? Buffer.allocUnsafeSlow(blockBytes) : this.takeOldest();
    this.source.readInto(block, offset, Math.min(blockBytes, this.source.size - offset));
    this.blocks.set(index, block);
    return block;
  }

  /** The memory of a block that is forgotten is used again: else every miss would leave garbage. */
  private takeOldest(): Buffer {
    const [[oldest, block]] = this.blocks;
    this.blocks.delete(oldest);
    return block;
  }
}
