import { LEN, Reader } from "../proto/wire.js";
import type { Dictionary } from "./dictionary.js";
import { FUNCTION, LOCATION, STACK } from "./tables.js";

/*
 * Parts of dictionary entries for loops that run over all of them: no object is made for an entry. Lists are written to the
 * front of an array that is used again and again (cutting it to its length would have V8 make a new one each time), and the
 * number of their items is returned. One reader serves all, so that none of these may be called while another one runs.
 */

const reader = Reader.idle();

function open(dictionary: Dictionary, table: number, index: number): Reader {
  dictionary.locate(table, index);
  return reader.reset(dictionary.atBuf, dictionary.atStart, dictionary.atEnd);
}

/** The location_table indices of a stack, leaf first. */
export function readStack(dictionary: Dictionary, index: number, into: number[]): number {
  const stack = open(dictionary, STACK, index);
  while (stack.next()) {
    if (stack.field !== 1) {
      stack.skip();
      continue;
    }
    const end = stack.length() + stack.pos;
    let count = 0;
    while (stack.pos < end) into[count++] = stack.int32();
    return count;
  }
  return 0;
}

/** The function_table indices of a location's lines, the innermost inlined one first. */
export function readFunctions(dictionary: Dictionary, index: number, into: number[]): number {
  const location = open(dictionary, LOCATION, index);
  let count = 0;
  while (location.next()) {
    if (location.field === 3 && location.wireType === LEN) into[count++] = functionOfLine(location);
    else location.skip();
  }
  return count;
}

function functionOfLine(line: Reader): number {
  const end = line.length() + line.pos;
  let functionIndex = 0;
  while (line.pos < end && line.next()) {
    if (line.field === 1) functionIndex = line.int32();
    else line.skip();
  }
  return functionIndex;
}

/** The string_table index of a function's name. */
export function readFunctionName(dictionary: Dictionary, index: number): number {
  const entry = open(dictionary, FUNCTION, index);
  let name = 0;
  while (entry.next()) {
    if (entry.field === 1) name = entry.int32();
    else entry.skip();
  }
  return name;
}
