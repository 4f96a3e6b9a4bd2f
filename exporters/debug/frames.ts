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
  readonly distinct: ReadonlySet<string>;
}

/** Reads stacks of one dictionary as names; each location and stack is read once. */
export interface Frames {
  names(stack: number): StackNames;
}

export function createFrames(dictionary: Dictionary): Frames {
  const byStack = new Map<number, StackNames>();
  const byLocation = new Map<number, readonly string[]>();

  function locationNames(index: number): readonly string[] {
    let names = byLocation.get(index);
    if (!names) {
      names = readLocation(dictionary, index);
      byLocation.set(index, names);
    }
    return names;
  }

  function readStack(stack: number): StackNames {
    const distinct = new Set<string>();
    let self = "";
    let read = 0;
    for (const location of dictionary.stack(stack)) {
      const names = locationNames(location);
      if (read === 0) self = names[0];
      read += names.length;
      for (const name of names) distinct.add(name);
      if (read >= maxStackNames) break;
    }
    return { self, distinct };
  }

  return {
    names(stack) {
      let names = byStack.get(stack);
      if (!names) {
        names = readStack(stack);
        byStack.set(stack, names);
      }
      return names;
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
