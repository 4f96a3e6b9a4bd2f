import { slot } from "./indices";
import { COUNTS, SOURCE } from "./layout";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./numbers";
import { openLength, readTag, skipField, spanEnd, tag } from "./primitives";

/**
 * The dictionary that profiles come with. For each of its tables there is a list by index: where the entry stands, or, once
 * something has used it, its index in the dictionary being built.
 */

/** Set in an element that is still where the entry stands: its length, and behind that its content. */
export const FRESH: u32 = 0x80000000;

export let mappings: usize = 0;
export let locations: usize = 0;
export let functions: usize = 0;
export let links: usize = 0;
export let strings: usize = 0;
export let attributes: usize = 0;
export let stacks: usize = 0;

/** Notes where the entries of the dictionary [p, end) stand; the lists begin at `lists`, and COUNTS says how long they are. */
export function locateEntries(lists: usize, p: usize, end: usize): void {
  let list = lists;
  for (let table: u32 = 1; table <= u32(STACK); table++) {
    store<u32>(slot(SOURCE, table), u32(list));
    const count = load<u32>(slot(COUNTS, table));
    list += usize(count === 0 ? 1 : count) << 2;
  }
  mappings = listOf(MAPPING);
  locations = listOf(LOCATION);
  functions = listOf(FUNCTION);
  links = listOf(LINK);
  strings = listOf(STRING);
  attributes = listOf(ATTRIBUTE);
  stacks = listOf(STACK);
  while (p < end) {
    p = readTag(p, end);
    if (p === 0) unreachable();
    if (tag >>> 3 > u32(STACK)) {
      p = skipField(p, end, tag & 7);
      if (p === 0) unreachable();
      continue;
    }
    const next = slot(SOURCE, tag >>> 3);
    const at = load<u32>(next);
    store<u32>(at, FRESH | u32(p));
    store<u32>(next, at + 4);
    if (openLength(p, end) === 0) unreachable();
    p = spanEnd;
  }
  // Index 0 is "not set" here and there, also in a table without entries.
  store<u32>(mappings, 0);
  store<u32>(locations, 0);
  store<u32>(functions, 0);
  store<u32>(links, 0);
  store<u32>(strings, 0);
  store<u32>(attributes, 0);
  store<u32>(stacks, 0);
}

function listOf(table: u32): usize {
  return usize(load<u32>(slot(SOURCE, table)));
}
