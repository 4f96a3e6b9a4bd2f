import { RECORD_HEAD, top } from "../../pdata/wasm/arena";
import { intern } from "../../pdata/wasm/intern";
import { LINK } from "../../pdata/wasm/numbers";
import { spanEnd } from "../../pdata/wasm/primitives";
import { labelKey, labelText, openLabel, readLabel } from "./label";
import { needEntry } from "./memory";
import { stringCount } from "./parts";
import { textEnd, textStart } from "./texts";

/*
 * pprof has no links: a sample that belongs to a span of a trace says so in the labels span_id (16 hex digits) and
 * trace_id (32). They say a link where an encoder that writes it again gives the same labels: each key once, both ids in
 * lower case and not all zeros. Any other label of these names stays what it is.
 */

const spanBytes: usize = 8;
const traceBytes: usize = 16;
/** Bytes that a link counts as. */
export const linkBytes: u64 = 28;
/** findLink's answer for a label that is broken. */
const broken: u32 = 0xffffffff;

/** Keys by what they say. */
const other: u32 = 0;
const spanKey: u32 = 1;
const traceKey: u32 = 2;
const profileKey: u32 = 3;

/** False if no sample of the pprof can have a link. */
export let hasLinks: bool = false;
/** The label profile_id is an older name of span_id. */
let isRenamed: bool = false;

export function openLinks(profileIdIsSpan: bool): void {
  isRenamed = profileIdIsSpan;
  let seen: u32 = 0;
  for (let i: u32 = 1; i < stringCount; i++) seen |= 1 << keyOf(i);
  const spans: u32 = (1 << spanKey) | (profileIdIsSpan ? 1 << profileKey : 0);
  hasLinks = (seen & (1 << traceKey)) !== 0 && (seen & spans) !== 0;
}

const idEnding: u32 = 0x64695f; // "_id"

function keyOf(index: u32): u32 {
  const start = textStart(index);
  const length = textEnd(index) - start;
  if (length < 7 || length > 10 || load<u32>(start + length - 4) >>> 8 !== idEnding) return other;
  const first = load<u32>(start);
  if (length === 7) return first === 0x6e617073 ? spanKey : other; // "span"
  if (length === 8) return first === 0x63617274 && load<u8>(start + 4) === 0x65 ? traceKey : other; // "trace"
  // "profile"
  return length === 10 && first === 0x666f7270 && (load<u32>(start + 4) & 0xffffff) === 0x656c69 ? profileKey : other;
}

/** Where the labels of the link begin, and where their ids were read to. */
let spanAt: usize = 0;
let traceAt: usize = 0;

/** True for a label that the link of the last `findLink`, if there was one, stands for. */
export function covers(at: usize): bool {
  return at === spanAt || at === traceAt;
}

/** link_table index of the link in this run of labels; 0 for none. */
export function findLink(p: usize, end: usize): u32 {
  spanAt = 0;
  traceAt = 0;
  let spans = 0;
  let traces = 0;
  needEntry(64);
  // Link { trace_id 1, span_id 2 }
  const base = top + RECORD_HEAD;
  const trace = base + 2;
  const span = trace + traceBytes + 2;
  while (p < end) {
    p = openLabel(p, end);
    const stop = spanEnd;
    if (!readLabel(p, stop)) return broken;
    const key = labelKey < u64(stringCount) ? keyOf(u32(labelKey)) : other;
    if (key === traceKey) {
      traces++;
      if (readHex(labelText, trace, traceBytes)) traceAt = p;
    } else if (key !== other) {
      spans++;
      if ((key === spanKey || isRenamed) && readHex(labelText, span, spanBytes)) spanAt = p;
    }
    p = stop;
  }
  if (spanAt === 0 || traceAt === 0 || spans > 1 || traces > 1) return 0;
  store<u16>(base, 0x100a);
  store<u16>(trace + traceBytes, 0x0812);
  return intern(LINK, base, span + spanBytes);
}

/** Reads lower-case hex digits that fill the id and are not all 0. */
function readHex(text: u64, to: usize, bytes: usize): bool {
  if (text >= u64(stringCount)) return false;
  const start = textStart(u32(text));
  if (textEnd(u32(text)) - start !== 2 * bytes) return false;
  let seen: u32 = 0;
  for (let i: usize = 0; i < bytes; i++) {
    const high = nibble(load<u8>(start + 2 * i));
    const low = nibble(load<u8>(start + 2 * i + 1));
    if (high > 15 || low > 15) return false;
    store<u8>(to + i, (high << 4) | low);
    seen |= high | low;
  }
  return seen !== 0;
}

function nibble(character: u32): u32 {
  if (character - 0x30 < 10) return character - 0x30;
  return character - 0x61 < 6 ? character - 0x57 : 16;
}
