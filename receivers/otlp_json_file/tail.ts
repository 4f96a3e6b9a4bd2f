import { type FileHandle, open } from "node:fs/promises";
import { LineSplitter } from "../../src/files/line-splitter.js";

const chunkBytes = 256 * 1024;

/** What becomes of the lines of a file. Each is awaited before the next is read. */
export interface LineSink {
  line(bytes: Buffer): Promise<void>;
  /** A line was longer than allowed, and is left out. */
  tooLong(): void;
}

/** Follows one file, which stays open: what is written to it after it was renamed is read, too. */
export class Tail {
  /** Identity of the file, whatever its name. */
  readonly id: string;
  private readonly handle: FileHandle;
  private readonly lines: LineSplitter;
  private offset: number;
  private tooLong = () => {};

  private constructor(handle: FileHandle, id: string, offset: number, maxLineBytes: number) {
    this.handle = handle;
    this.id = id;
    this.offset = offset;
    this.lines = new LineSplitter(maxLineBytes, () => this.tooLong());
  }

  static async open(path: string, from: "beginning" | "end", maxLineBytes: number): Promise<Tail> {
    const handle = await open(path, "r");
    try {
      const { dev, ino, size } = await handle.stat();
      return new Tail(handle, `${dev}:${ino}`, from === "end" ? size : 0, maxLineBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Bytes of a line whose end has not come. */
  get unfinishedBytes(): number {
    return this.lines.unfinishedBytes;
  }

  /** Reads to the end of the file as it is now; true if there was anything. */
  async read(sink: LineSink, stopped: () => boolean): Promise<boolean> {
    this.tooLong = () => sink.tooLong();
    const { size } = await this.handle.stat();
    if (size < this.offset) {
      // Cut back: whoever writes began anew.
      this.offset = 0;
      this.lines.forget();
    }
    const before = this.offset;
    while (!stopped()) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await this.handle.read(chunk, 0, chunkBytes, this.offset);
      if (bytesRead === 0) break;
      this.offset += bytesRead;
      for (const line of this.lines.push(chunk.subarray(0, bytesRead))) if (line.length > 0) await sink.line(line);
    }
    return this.offset > before;
  }

  /** The line without an end, taken out if `take` says so. */
  async flush(take: (bytes: Buffer) => Promise<boolean>): Promise<void> {
    const line = this.lines.unfinished();
    if (line && (await take(line))) this.lines.forget();
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
