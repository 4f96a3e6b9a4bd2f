import type { ByteSource } from "./byte-source.js";

const blockBytes = 16 * 1024;
const maxBlocks = 256;

/** Reads small pieces of a source block by block; the last blocks are kept, at most 4 MiB. */
export function createBlockReader(source: ByteSource): (offset: number, length: number) => Buffer | undefined {
  const blocks = new Map<number, Buffer>();
  const blockAt = (index: number): Buffer => {
    let block = blocks.get(index);
    if (!block) {
      const offset = index * blockBytes;
      block = source.read(offset, Math.min(blockBytes, source.size - offset));
      if (blocks.size >= maxBlocks) blocks.clear();
      blocks.set(index, block);
    }
    return block;
  };
  return (offset, length) => {
    if (offset < 0 || length > blockBytes || offset + length > source.size) return undefined;
    const index = Math.floor(offset / blockBytes);
    const at = offset - index * blockBytes;
    if (at + length <= blockBytes) return blockAt(index).subarray(at, at + length);
    return source.read(offset, length);
  };
}
