import type { ByteSource } from "./byte-source.js";

const blockBytes = 16 * 1024;
const maxBlocks = 256;

/**
 * Reads small pieces of a source block by block; the last blocks are kept, at most 4 MiB. A piece is good until the next
 * one is read.
 */
export function createBlockReader(source: ByteSource): (offset: number, length: number) => Buffer | undefined {
  const blocks = new Map<number, Buffer>();

  function blockAt(index: number): Buffer {
    const known = blocks.get(index);
    if (known) return known;
    const offset = index * blockBytes;
    const block = blocks.size < maxBlocks ? Buffer.allocUnsafeSlow(blockBytes) : takeOldest();
    source.readInto(block, offset, Math.min(blockBytes, source.size - offset));
    blocks.set(index, block);
    return block;
  }

  /** The memory of a block that is forgotten is used again: else every miss would leave garbage. */
  function takeOldest(): Buffer {
    const [[oldest, block]] = blocks;
    blocks.delete(oldest);
    return block;
  }

  return (offset, length) => {
    if (offset < 0 || length > blockBytes || offset + length > source.size) return undefined;
    const index = Math.floor(offset / blockBytes);
    const at = offset - index * blockBytes;
    if (at + length <= blockBytes) return blockAt(index).subarray(at, at + length);
    return source.read(offset, length);
  };
}
