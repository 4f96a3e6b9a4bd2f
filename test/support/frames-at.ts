import type { Binary } from "../../src/symbols/binary.js";
import { type FrameColumns, FrameColumnsBuilder, noFrames } from "../../src/symbols/frame-columns.js";
import { readTexts } from "../../src/symbols/text-column.js";

export interface Frame {
  readonly name: string;
  readonly systemName: string;
  readonly file: string;
  readonly line: number;
  readonly startLine: number;
}

/** The frames at an address, the innermost inlined function first; undefined where there are none. */
export function framesAt(binary: Binary, address: number): Frame[] | undefined {
  return framesOf(binary.framesAt([address]))[0] ?? undefined;
}

/** The frames of each address of an answer; null where it has none. */
export function framesOf(columns: FrameColumns): (Frame[] | null)[] {
  const { functions, frames, ranges } = columns;
  const texts = readTexts(columns.texts);
  return Array.from({ length: ranges.length / 2 }, (_, i) => {
    const found: Frame[] = [];
    for (let at = ranges[2 * i]; at < ranges[2 * i] + ranges[2 * i + 1]; at++) {
      const [name, systemName, file, startLine] = functions.subarray(4 * frames[2 * at]);
      const line = frames[2 * at + 1];
      found.push({ name: texts[name], systemName: texts[systemName], file: texts[file], line, startLine });
    }
    return found.length > 0 ? found : null;
  });
}

/** The answer that has these frames. */
export function columnsOf(frames: readonly (readonly Frame[] | null)[]): FrameColumns {
  const out = new FrameColumnsBuilder(noFrames(frames.length));
  for (const [i, found] of frames.entries()) {
    out.begin(i);
    for (const { name, systemName, file, line, startLine } of found ?? []) {
      const [nameAt, systemNameAt, fileAt] = [name, systemName, file].map((text) => out.texts.add(text));
      out.add(out.functions.at(nameAt, systemNameAt, fileAt, startLine), line);
    }
  }
  return out.build();
}
