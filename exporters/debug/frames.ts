import type { Dictionary } from "../../src/pdata/dictionary.js";
import { readFunctionName, readFunctions, readStack } from "../../src/pdata/light-reads.js";
import { printableText } from "../../src/telemetry/printable-text.js";

/** Longer names are cut: they are keys of tables that must stay small. */
const maxNameLength = 120;

/** Names of one stack that are read; a stack of locations with many lines could unfold to far more than was sent. */
const maxStackNames = 2048;

/** Reads stacks of one dictionary as names; each location and function is read once. */
export interface Frames {
  /** Names by place. */
  readonly names: readonly string[];
  /** Places of the functions of the stack that was read last, the innermost first, each once however often it calls itself. */
  readonly places: readonly number[];
  /** Reads a stack; returns how many of `places` are its. */
  read(stack: number): number;
}

export function createFrames(dictionary: Dictionary): Frames {
  /** Names, and the call of `read` that had each of them last. */
  const names: string[] = [];
  const seenIn: number[] = [];
  const places = new Map<string, number>();
  /** Places by index of the function; -1 for one without a name. */
  const ofFunction = new Map<number, number>();
  /** Places of the names of a location. */
  const ofLocation = new Map<number, readonly number[]>();
  const locations: number[] = [];
  const functions: number[] = [];
  const found: number[] = [];
  let calls = 0;

  function placeOf(name: string): number {
    let place = places.get(name);
    if (place === undefined) {
      place = names.push(name) - 1;
      seenIn.push(0);
      places.set(name, place);
    }
    return place;
  }

  function placeOfFunction(index: number): number {
    let place = ofFunction.get(index);
    if (place === undefined) {
      const name = dictionary.string(readFunctionName(dictionary, index));
      place = name === "" ? -1 : placeOf(printable(name));
      ofFunction.set(index, place);
    }
    return place;
  }

  /** The first line of a location is its innermost function; those after it are what that was inlined into. */
  function readLocation(index: number): readonly number[] {
    const count = Math.min(readFunctions(dictionary, index, functions), maxStackNames);
    const read: number[] = [];
    for (let i = 0; i < count; i++) {
      const place = placeOfFunction(functions[i]);
      if (place >= 0) read.push(place);
    }
    if (read.length === 0) read.push(placeOf(unnamed(dictionary, index)));
    return read;
  }

  function placesOfLocation(index: number): readonly number[] {
    let known = ofLocation.get(index);
    if (!known) {
      known = readLocation(index);
      ofLocation.set(index, known);
    }
    return known;
  }

  return {
    names,
    places: found,
    read(stack) {
      calls++;
      const depth = readStack(dictionary, stack, locations);
      let count = 0;
      let read = 0;
      for (let i = 0; i < depth && read < maxStackNames; i++) {
        const ofThis = placesOfLocation(locations[i]);
        read += ofThis.length;
        for (let j = 0; j < ofThis.length; j++) {
          const place = ofThis[j];
          if (seenIn[place] === calls) continue;
          seenIn[place] = calls;
          found[count++] = place;
        }
      }
      return count;
    },
  };
}

/** `binary+0xaddr`, as far as it is known. */
function unnamed(dictionary: Dictionary, index: number): string {
  const { mappingIndex, address } = dictionary.location(index);
  const path = mappingIndex === 0 ? "" : dictionary.string(dictionary.mapping(mappingIndex).filenameIndex);
  const binary = printable(path.slice(path.lastIndexOf("/") + 1));
  if (address === 0n) return binary === "" ? "[unknown]" : binary;
  return binary === "" ? `0x${address.toString(16)}` : `${binary}+0x${address.toString(16)}`;
}

/** As `printableText`, of bounded length. */
export function printable(text: string): string {
  const clean = printableText(text);
  return clean.length <= maxNameLength ? clean : `${clean.slice(0, maxNameLength - 1)}…`;
}
