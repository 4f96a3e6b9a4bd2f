import { type FileHandle, open } from "node:fs/promises";

const chunkBytes = 256 * 1024;
const newline = 0x0a;

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
  private readonly maxLineBytes: number;
  private offset: number;
  private parts: Buffer[] = [];
  private partBytes = 0;
  private skipping = false;

  private constructor(handle: FileHandle, id: string, offset: number, maxLineBytes: number) {
    this.handle = handle;
    this.id = id;
    this.offset = offset;
    this.maxLineBytes = maxLineBytes;
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
    return this.partBytes;
  }

  /** Reads to the end of the file as it is now; true if there was anything. */
  async read(sink: LineSink, stopped: () => boolean): Promise<boolean> {
    const { size } = await this.handle.stat();
    if (size < this.offset) {
      // Cut back: whoever writes began anew.
      this.offset = 0;
      this.forget();
    }
    const before = this.offset;
    while (!stopped()) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await this.handle.read(chunk, 0, chunkBytes, this.offset);
      if (bytesRead === 0) break;
      this.offset += bytesRead;
      await this.split(chunk.subarray(0, bytesRead), sink);
    }
    return this.offset > before;
  }

  /** The line without an end, taken out if `take` says so. */
  async flush(take: (bytes: Buffer) => Promise<boolean>): Promise<void> {
    if (this.partBytes > 0 && !this.skipping && (await take(Buffer.concat(this.parts)))) this.forget();
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  private async split(chunk: Buffer, sink: LineSink): Promise<void> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      this.add(chunk.subarray(from, end), sink);
      from = end + 1;
      const line = this.skipping ? undefined : Buffer.concat(this.parts);
      this.forget();
      if (line && line.length > 0) await sink.line(line);
    }
    this.add(chunk.subarray(from), sink);
  }

  private add(bytes: Buffer, sink: LineSink): void {
    if (this.skipping || bytes.length === 0) return;
    if (this.partBytes + bytes.length > this.maxLineBytes) {
      this.forget();
      this.skipping = true;
      sink.tooLong();
      return;
    }
    this.parts.push(bytes);
    this.partBytes += bytes.length;
  }

  private forget(): void {
    this.parts = [];
    this.partBytes = 0;
    this.skipping = false;
  }
}
