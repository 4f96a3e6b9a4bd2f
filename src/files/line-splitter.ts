const newline = 0x0a;
const nothing = Buffer.alloc(0);

/** Cuts a stream of bytes into lines, none longer than a limit, whatever pieces it comes in. */
export class LineSplitter {
  private readonly maxLineBytes: number;
  private readonly tooLong: () => void;
  /** Begun lines are gathered here: a sender of single bytes must not cost a buffer for each. */
  private begun = nothing;
  private begunBytes = 0;
  private skipping = false;

  /** `tooLong` is called once for each line past `maxLineBytes`; such a line is left out. */
  constructor(maxLineBytes: number, tooLong: () => void) {
    this.maxLineBytes = maxLineBytes;
    this.tooLong = tooLong;
  }

  /** Bytes of a line whose end has not come. */
  get unfinishedBytes(): number {
    return this.begunBytes;
  }

  /**
   * The lines that end in this piece, without their newlines, empty ones too; each is good until the next is asked for.
   * Run it to its end before the next piece.
   */
  *push(chunk: Buffer): Generator<Buffer, void> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const line = this.finish(chunk.subarray(from, end));
      from = end + 1;
      if (line) yield line;
    }
    if (from < chunk.length) this.begin(chunk.subarray(from));
  }

  /** The line without an end, undefined where there is none. It stays until `forget`. */
  unfinished(): Buffer | undefined {
    return this.begunBytes > 0 ? this.begun.subarray(0, this.begunBytes) : undefined;
  }

  forget(): void {
    this.begun = nothing;
    this.begunBytes = 0;
    this.skipping = false;
  }

  private finish(last: Buffer): Buffer | undefined {
    let line: Buffer | undefined = last;
    if (this.begunBytes > 0) {
      this.begin(last);
      line = this.unfinished();
    } else if (!this.skipping && last.length > this.maxLineBytes) {
      this.tooLong();
      return undefined;
    }
    if (this.skipping) line = undefined;
    this.forget();
    return line;
  }

  private begin(bytes: Buffer): void {
    if (this.skipping) return;
    const length = this.begunBytes + bytes.length;
    if (length > this.maxLineBytes) {
      this.forget();
      this.skipping = true;
      this.tooLong();
      return;
    }
    if (length > this.begun.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.maxLineBytes, Math.max(2 * length, 1024)));
      this.begun.copy(larger, 0, 0, this.begunBytes);
      this.begun = larger;
    }
    bytes.copy(this.begun, this.begunBytes);
    this.begunBytes = length;
  }
}
