import { OutTable } from "../../src/pdata/out-table.js";
import { STRING } from "../../src/pdata/tables.js";
import type { FrameText } from "./frame-text.js";

/** Frames that are remembered, and bytes of their texts; when they are more all of them are forgotten. */
const maxFrames = 32_768;
const maxBytes = 4 * 1024 * 1024;

/** What frames say, each text parsed once: kernels, interpreters and loops show the same ones in every interval. */
export class FrameTexts {
  private readonly table = new OutTable(STRING);
  private readonly frames: (FrameText | undefined)[] = [];
  private readonly parse: (text: string) => FrameText;

  constructor(parse: (text: string) => FrameText) {
    this.parse = parse;
  }

  /** Frames that are remembered. */
  get size(): number {
    return this.table.count;
  }

  /** The frame whose text is [start, end) of `bytes`: the same object for as long as it is remembered. */
  of(bytes: Buffer, start: number, end: number): FrameText {
    const place = this.table.add(bytes, start, end);
    let frame = this.frames[place];
    if (!frame) {
      frame = this.parse(bytes.utf8Slice(start, end));
      this.frames[place] = frame;
      if (this.table.count > maxFrames || this.table.out.pos > maxBytes) {
        this.table.reset();
        this.frames.length = 0;
      }
    }
    return frame;
  }
}
