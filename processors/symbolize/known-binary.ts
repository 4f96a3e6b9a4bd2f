import type { FrameColumns } from "../../src/symbols/frame-columns.js";
import { FunctionRows, functionNumbers } from "../../src/symbols/function-rows.js";
import type { Segment } from "../../src/symbols/segments.js";
import { readTexts } from "../../src/symbols/text-column.js";

const ownBytes = 1024;
const addressBytes = 48;
/** What a text costs beside its letters. */
const textBytes = 100;
const firstNumbers = 64;

/** What is known of one binary: functions by ELF virtual address. It grows until it is forgotten as a whole. */
export class KnownBinary {
  readonly segments: readonly Segment[];
  /** True if a file with its symbols, put somewhere later, would give it more names. */
  readonly isStripped: boolean;
  readonly sinceMs: number;
  /** The first one is "". */
  readonly texts: string[] = [""];
  private readonly textPlaces = new Map<string, number>([["", 0]]);
  private letters = 0;
  /** Their texts are places in `texts`. */
  readonly functions = new FunctionRows();
  /** Where in `frames` those of an address are; 0 where the binary has no name for it. */
  private readonly places = new Map<number, number>();
  /** How many frames there are, then two numbers for each: the place of its function and its line. */
  private frames = new Int32Array(firstNumbers);
  private used = 1;

  constructor(segments: readonly Segment[], isStripped: boolean, sinceMs: number) {
    this.segments = segments;
    this.isStripped = isStripped;
    this.sinceMs = sinceMs;
  }

  get bytes(): number {
    const texts = textBytes * this.texts.length + this.letters;
    return ownBytes + texts + this.functions.byteSize + addressBytes * this.places.size + this.frames.byteLength;
  }

  /** Where the frames of an address are: 0 where the binary has no name for the address, undefined where that is not known. */
  placeOf(address: number): number | undefined {
    return this.places.get(address);
  }

  /** How many frames stand at a place. */
  frameCount(place: number): number {
    return this.frames[place];
  }

  /** The place of a frame's function, the innermost inlined one first. */
  functionOf(place: number, frame: number): number {
    return this.frames[place + 1 + 2 * frame];
  }

  lineOf(place: number, frame: number): number {
    return this.frames[place + 2 + 2 * frame];
  }

  /** True if it is known which functions are at the address, or that there are none. */
  has(address: number): boolean {
    return this.places.has(address);
  }

  /** Remembers what was found at these addresses. */
  learn(addresses: readonly number[], { texts, functions, frames, ranges }: FrameColumns): void {
    const textOf = readTexts(texts).map((text) => this.textPlace(text));
    const functionOf = new Int32Array(functions.length / functionNumbers);
    for (let i = 0; i < functionOf.length; i++) {
      const at = functionNumbers * i;
      const [name, systemName, file] = [textOf[functions[at]], textOf[functions[at + 1]], textOf[functions[at + 2]]];
      functionOf[i] = this.functions.at(name, systemName, file, functions[at + 3]);
    }
    this.makeRoom(addresses.length + frames.length);
    for (let i = 0; i < addresses.length; i++) {
      if (this.places.has(addresses[i])) continue;
      const count = ranges[2 * i + 1];
      this.places.set(addresses[i], count === 0 ? 0 : this.used);
      if (count > 0) this.frames[this.used++] = count;
      const end = 2 * (ranges[2 * i] + count);
      for (let at = 2 * ranges[2 * i]; at < end; at += 2) {
        this.frames[this.used++] = functionOf[frames[at]];
        this.frames[this.used++] = frames[at + 1];
      }
    }
  }

  private textPlace(text: string): number {
    let place = this.textPlaces.get(text);
    if (place === undefined) {
      place = this.texts.push(text) - 1;
      this.textPlaces.set(text, place);
      this.letters += text.length;
    }
    return place;
  }

  private makeRoom(numbers: number): void {
    if (this.used + numbers <= this.frames.length) return;
    const larger = new Int32Array(Math.max(2 * this.frames.length, this.used + numbers));
    larger.set(this.frames.subarray(0, this.used));
    this.frames = larger;
  }
}
