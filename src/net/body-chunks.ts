const pieceBytes = 4096;
/** What may be kept alive beside a body that is one chunk: it is part of what was read from the socket. */
const maxBesideBytes = 4096;

/** A chunk that may be kept: itself, or a copy where it is a small part of what was read. */
export function ownChunk(chunk: Buffer): Buffer {
  return chunk.buffer.byteLength <= chunk.length + maxBesideBytes ? chunk : Buffer.from(chunk);
}

/**
 * A body as it arrives. Whoever sends it chooses the sizes of its chunks, and every chunk kept costs some hundred bytes
 * beside its own; so small ones are copied into pieces, and a body costs little more than its size however it was cut.
 */
export class BodyChunks {
  #pieces: Buffer[] = [];
  /** The last of the pieces, where it was made here and has room. */
  #open: Buffer | undefined;
  #used = 0;
  #size = 0;

  /** Bytes added so far. */
  get size(): number {
    return this.#size;
  }

  /** Buffers that hold them. */
  get pieces(): number {
    return this.#pieces.length;
  }

  /** `chunk` may be kept, and must not change. */
  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (chunk.length >= pieceBytes) {
      this.#close();
      this.#pieces.push(chunk);
    } else if (this.#pieces.length === 0) this.#pieces.push(chunk);
    else this.#copy(chunk);
  }

  /** The first `length` bytes, once they are there; at most a piece. */
  peek(length: number): Buffer | undefined {
    if (this.#size < length) return undefined;
    const [first] = this.#pieces;
    return (first.length >= length ? first : Buffer.concat(this.#pieces)).subarray(0, length);
  }

  /** The body in one buffer, which may be the chunk that was added; nothing is kept. */
  take(): Buffer {
    this.#close();
    const [first] = this.#pieces;
    const body = this.#pieces.length === 1 ? ownChunk(first) : Buffer.concat(this.#pieces, this.#size);
    this.clear();
    return body;
  }

  clear(): void {
    this.#pieces = [];
    this.#open = undefined;
    this.#size = 0;
  }

  #copy(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const open = this.#open ?? this.#begin();
      const copied = chunk.copy(open, this.#used, at);
      at += copied;
      this.#used += copied;
      if (this.#used === pieceBytes) this.#close();
    }
  }

  #begin(): Buffer {
    this.#open = Buffer.allocUnsafeSlow(pieceBytes);
    this.#used = 0;
    this.#pieces.push(this.#open);
    return this.#open;
  }

  #close(): void {
    if (!this.#open) return;
    this.#pieces[this.#pieces.length - 1] = this.#open.subarray(0, this.#used);
    this.#open = undefined;
  }
}
