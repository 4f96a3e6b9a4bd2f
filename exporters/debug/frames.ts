import type { Dictionary } from "../../src/pdata/dictionary.js";

/** Longer names are cut: they are keys of tables that must stay small. */
const maxNameLength = 120;

/** Names of one stack that are read; a stack of locations with many lines could unfold to far more than was sent. */
const maxStackNames = 2048;

/** The functions of one stack. */
export interface StackNames {
  /** The innermost; "" if the stack is empty. */
  readonly self: string;
  /** Every function once, however often it calls itself. */
  readonly distinct: readonly string[];
}

/** Reads stacks of one dictionary as names; each location and stack is read once. */
export interface Frames {
  names(stack: number): StackNames;
}

export function createFrames(dictionary: Dictionary): Frames {
  const byStack = new Map<number, StackNames>();
  /** Names, and the stack that had each of them last. */
  const names: string[] = [];
  const seenIn: number[] = [];
  const places = new Map<string, number>();
  /** Places of the names of a location. */
  const byLocation = new Map<number, readonly number[]>();

  function placeOf(name: string): number {
    let place = places.get(name);
    if (place === undefined) {
      place = names.push(name) - 1;
      seenIn.push(-1);
      places.set(name, place);
    }
    return place;
  }

  function locationNames(index: number): readonly number[] {
    let found = byLocation.get(index);
    if (!found) {
      found = readLocation(dictionary, index).map(placeOf);
      byLocation.set(index, found);
    }
    return found;
  }

  function readStack(stack: number): StackNames {
    const distinct: string[] = [];
    let read = 0;
    for (const location of dictionary.stack(stack)) {
      const found = locationNames(location);
      read += found.length;
      for (const place of found) {
        if (seenIn[place] === stack) continue;
        seenIn[place] = stack;
        distinct.push(names[place]);
      }
      if (read >= maxStackNames) break;
    }
    return { self: distinct[0] ?? "", distinct };
  }

  return {
    names(stack) {
      let found = byStack.get(stack);
      if (!found) {
        found = readStack(stack);
        byStack.set(stack, found);
      }
      return found;
    },
  };
}

/** The first line of a location is its innermost function; those after it are what that was inlined into. */
function readLocation(dictionary: Dictionary, index: number): readonly string[] {
  const location = dictionary.location(index);
  const names: string[] = [];
  for (const line of location.lines.slice(0, maxStackNames)) {
    const name = dictionary.string(dictionary.function(line.functionIndex).nameIndex);
    if (name !== "") names.push(printable(name));
  }
  if (names.length > 0) return names;
  return [unnamed(dictionary, location.mappingIndex, location.address)];
}

/** `binary+0xaddr`, as far as it is known. */
function unnamed(dictionary: Dictionary, mapping: number, address: bigint): string {
  const path = mapping === 0 ? "" : dictionary.string(dictionary.mapping(mapping).filenameIndex);
  const binary = printable(path.slice(path.lastIndexOf("/") + 1));
  if (address === 0n) return binary === "" ? "[unknown]" : binary;
  return binary === "" ? `0x${address.toString(16)}` : `${binary}+0x${address.toString(16)}`;
}

/** Text from outside as it may go to a terminal: one line, no control codes, of bounded length. */
export function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\uFFFD");
  return clean.length <= maxNameLength ? clean : `${clean.slice(0, maxNameLength - 1)}…`;
}
