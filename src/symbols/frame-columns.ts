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

/** An answer for so many addresses that have no frames. */
export function noFrames(addressCount: number): FrameColumns {
  return {
    texts: { bytes: new Uint8Array(0), ends: new Int32Array(1) },
    functions: new Int32Array(0),
    frames: new Int32Array(0),
    ranges: new Int32Array(2 * addressCount),
  };
}

/** Adds frames to an answer, of one address after the other that has none. Lines are 0 where the file does not say. */
export class FrameColumnsBuilder {
  readonly texts: TextColumnBuilder;
  readonly functions: FunctionRows;
  private frames: Int32Array;
  private used: number;
  private readonly ranges: Int32Array;
  private rangeAt = 0;

  constructor({ texts, functions, frames, ranges }: FrameColumns) {
    this.texts = new TextColumnBuilder(texts);
    this.functions = new FunctionRows(functions);
    this.used = frames.length;
    this.frames = new Int32Array(frames.length + 2 * ranges.length);
    this.frames.set(frames);
    this.ranges = ranges.slice();
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
