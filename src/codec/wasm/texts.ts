import { RECORD_HEAD, top } from "../../pdata/wasm/arena";
import { intern } from "../../pdata/wasm/intern";
import { STRING } from "../../pdata/wasm/numbers";
import { closeLength, copy, varintSize } from "../../pdata/wasm/out";
import { fail } from "../../pdata/wasm/primitives";
import { isText } from "../../pdata/wasm/utf8";
import { STRING_RANGE } from "./faults";
import { CHECKED, KEY_BYTES, KEYS, SPAN } from "./layout";
import { need, needEntry, zeros } from "./memory";
import { stringCount, strings } from "./parts";

/**
 * The string table of the pprof that is open. A string goes into the dictionary being built when something uses it for the
 * first time. Bytes that are no UTF-8 become U+FFFD: OTLP has no room for them.
 */

/** By string: its index in the dictionary plus one; 0 = not there yet. */
let mapped: usize = 0;
/** True if all strings are UTF-8. */
let allText: bool = false;

export function openTexts(): void {
  mapped = zeros(u64(stringCount) << 2);
  store<u32>(mapped, 1);
  allText = areStringsText();
}

/**
 * Tags, and lengths below 128, are ASCII: strings that stand behind one another are checked as one, and long ones part
 * them.
 */
export function areStringsText(): bool {
  const past = strings + (usize(stringCount) << 3);
  let start = usize(load<u32>(strings));
  let end = start;
  let longest: usize = 0;
  for (let at = strings; at < past; at += 8) {
    const from = usize(load<u32>(at));
    const to = usize(load<u32>(at + 4));
    if (to - from > longest) longest = to - from;
    if (from - end > 2 || to - from > 0x7f) {
      if (!isText(start, end)) return false;
      start = from;
    }
    end = to;
  }
  store<u32>(CHECKED + 4, u32(longest));
  return isText(start, end);
}

/** True for an index of a string; else the fault is noted. */
export function hasText(index: u64): bool {
  return index < u64(stringCount) || fail(STRING_RANGE, 0, i32(index), i32(index >>> 32)) !== 0;
}

export function textStart(index: u32): usize {
  return usize(load<u32>(strings + (usize(index) << 3)));
}

export function textEnd(index: u32): usize {
  return usize(load<u32>(strings + (usize(index) << 3) + 4));
}

function isGood(index: u32): bool {
  return allText || isText(textStart(index), textEnd(index));
}

/** Most bytes that putText writes. */
export function textBytes(index: u32): u64 {
  const bytes = u64(textEnd(index) - textStart(index));
  return allText ? bytes : 3 * bytes;
}

/** Writes a string's text; returns its end. */
function putText(out: usize, index: u32): usize {
  const start = textStart(index);
  const end = textEnd(index);
  if (!isGood(index)) return putReplaced(out, start, end);
  copy(out, start, end - start);
  return out + (end - start);
}

/** string_table index in the dictionary of a string that is there. */
export function textIndex(index: u32): u32 {
  const cell = mapped + (usize(index) << 2);
  const known = load<u32>(cell);
  if (known !== 0) return known - 1;
  needEntry(textBytes(index));
  const room = top + RECORD_HEAD;
  const found = isGood(index)
    ? intern(STRING, textStart(index), textEnd(index))
    : intern(STRING, room, putReplaced(room, textStart(index), textEnd(index)));
  store<u32>(cell, found + 1);
  return found;
}

/** string_table index of one of our keys. */
export function keyIndex(key: u32): u32 {
  const at = usize(KEYS) + usize(key) * usize(KEY_BYTES);
  needEntry(KEY_BYTES);
  return intern(STRING, at + 1, at + 1 + usize(load<u8>(at)));
}

/** Finds a string's text for the other side, which reads it at once. */
export function textAt(index: u32): void {
  let start = textStart(index);
  let end = textEnd(index);
  if (!isGood(index)) {
    need(textBytes(index) + u64(RECORD_HEAD));
    const room = top + RECORD_HEAD;
    end = putReplaced(room, start, end);
    start = room;
  }
  store<u32>(SPAN, u32(start));
  store<u32>(SPAN + 4, u32(end));
}

/** Writes the field `value` of a KeyValueAndUnit with a string's text. */
export function putTextValue(out: usize, index: u32): usize {
  const inner = varintSize(u32(textEnd(index) - textStart(index)));
  const outer = varintSize(u32(textEnd(index) - textStart(index) + inner + 1));
  store<u8>(out, 0x12);
  const value = out + 1 + outer;
  store<u8>(value, 0x0a);
  const end = putText(value + 1 + inner, index);
  return closeLength(out + 1, outer, closeLength(value + 1, inner, end));
}

/** Writes a text with U+FFFD for each byte that isn't part of a character, as Go's readers have it. */
function putReplaced(out: usize, p: usize, end: usize): usize {
  while (p < end) {
    const bytes = characterBytes(p, end);
    if (bytes === 0) {
      store<u16>(out, 0xbfef);
      store<u8>(out + 2, 0xbd);
      out += 3;
      p++;
    }
    for (let i: usize = 0; i < bytes; i++) store<u8>(out++, load<u8>(p++));
  }
  return out;
}

/** Bytes of the well-formed character at p, or 0. */
function characterBytes(p: usize, end: usize): usize {
  const first = u32(load<u8>(p));
  const bytes: usize = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return bytes <= end - p && isText(p, p + bytes) ? bytes : 0;
}
