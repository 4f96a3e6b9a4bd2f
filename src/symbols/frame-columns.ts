import { FunctionRows } from "./function-rows.js";
import { type TextColumn, TextColumnBuilder } from "./text-column.js";

/** The frames of a list of addresses as columns: an object for each of them would cost more than to find it. */
export interface FrameColumns {
  readonly texts: TextColumn;
  /** Four numbers per function: places of its name, system name and file in `texts`, then the line that it starts at. */
  readonly functions: Int32Array;
  /** Two numbers per frame, the innermost inlined function first: the function's place (0, 1, 2, …) and the line. */
  readonly frames: Int32Array;
  /** Two numbers per address: the place of its first frame (0, 1, 2, …) and how many it has. */
  readonly ranges: Int32Array;
}

/** Collects the frames of one address after the other, in whatever order. Lines are 0 where the file does not say. */
export class FrameColumnsBuilder {
  readonly texts = new TextColumnBuilder();
  readonly functions = new FunctionRows();
  private frames: Int32Array;
  private used = 0;
  private readonly ranges: Int32Array;
  private rangeAt = 0;

  constructor(addressCount: number) {
    this.ranges = new Int32Array(2 * addressCount);
    this.frames = new Int32Array(4 * addressCount);
  }

  /** Frames that are added from now on are those of this address (0, 1, 2, …). */
  begin(address: number): void {
    this.rangeAt = 2 * address;
    this.ranges[this.rangeAt] = this.used / 2;
  }

  add(functionPlace: number, line: number): void {
    if (this.used === this.frames.length) this.frames = withRoom(this.frames);
    this.frames[this.used++] = functionPlace;
    this.frames[this.used++] = line;
    this.ranges[this.rangeAt + 1]++;
  }

  build(): FrameColumns {
    const { texts, functions, frames, ranges, used } = this;
    return {
      texts: texts.build(),
      functions: Int32Array.from(functions.numbers),
      frames: frames.slice(0, used),
      ranges,
    };
  }
}

function withRoom(full: Int32Array): Int32Array {
  const larger = new Int32Array(2 * full.length);
  larger.set(full);
  return larger;
}
