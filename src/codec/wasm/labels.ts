import { endGap, RECORD_HEAD, top } from "../../pdata/wasm/arena";
import { intern } from "../../pdata/wasm/intern";
import { ATTRIBUTE } from "../../pdata/wasm/numbers";
import { copy, putVarint } from "../../pdata/wasm/out";
import { spanEnd } from "../../pdata/wasm/primitives";
import { grow } from "./growth";
import { labelKey, labelNumber, labelText, labelUnit, openLabel, readLabel } from "./label";
import { covers, findLink, hasLinks, linkBytes } from "./links";
import { isNew, recall } from "./memo";
import { gap, needEntry } from "./memory";
import { hasText, putTextValue, textBytes, textIndex } from "./texts";
import { putField, putLong } from "./values";

/* A run is all labels of a sample, tags and lengths included. */

/** attributeOf's answer for a label that is broken. */
const broken: u32 = 0xffffffff;

/**
 * What the run in [p, end) becomes: where its bytes stand, their number first (u32), fields attribute_indices and
 * link_index of a Sample. 0 where a label is broken. It works at `work`.
 */
export function fieldsOfRun(p: usize, end: usize, work: usize): usize {
  needEntry(u64(end - p));
  const record = recall(p, end);
  if (!isNew) return usize(load<u32>(record));
  let link: u32 = 0;
  if (hasLinks) {
    link = findLink(p, end);
    if (link === broken) return 0;
  }
  let out = work;
  for (let at = p; at < end; ) {
    at = openLabel(at, end);
    const stop = spanEnd;
    if (link === 0 || !covers(at)) {
      const attribute = attributeOf(at, stop);
      if (attribute === broken) return 0;
      if (attribute !== 0) out = putVarint(out, attribute);
    }
    at = stop;
  }
  if (link !== 0 && !grow(linkBytes)) return 0;
  const made = writeFields(work, out - work, link);
  store<u32>(record, u32(made));
  return made;
}

function writeFields(list: usize, bytes: usize, link: u32): usize {
  const made = gap(u64(bytes) + 32);
  let out = made + 4;
  if (bytes !== 0) {
    store<u8>(out, 0x12);
    out = putVarint(out + 1, u32(bytes));
    copy(out, list, bytes);
    out += bytes;
  }
  out = putField(out, 0x18, link);
  store<u32>(made, u32(out - made - 4));
  endGap(out);
  return made;
}

/** attribute_table index of the label in [p, end); 0 for one that says nothing. */
function attributeOf(p: usize, end: usize): u32 {
  needEntry(u64(end - p) + 1);
  const room = top + RECORD_HEAD;
  // No run begins with 0.
  store<u8>(room, 0);
  copy(room + 1, p, end - p);
  const record = recall(room, room + 1 + (end - p));
  if (!isNew) return load<u32>(record);
  const attribute = writeLabel(p, end);
  store<u32>(record, attribute);
  return attribute;
}

function writeLabel(p: usize, end: usize): u32 {
  if (!readLabel(p, end) || !hasText(labelKey)) return broken;
  if (labelText !== 0) {
    if (!hasText(labelText)) return broken;
    const key = textIndex(u32(labelKey));
    const text = u32(labelText);
    needEntry(textBytes(text) + 64);
    const base = top + RECORD_HEAD;
    return internLabel(base, putTextValue(putField(base, 0x08, key), text));
  }
  if ((labelNumber | labelUnit) === 0) return 0;
  if (!hasText(labelUnit)) return broken;
  const unit = textIndex(u32(labelUnit));
  const key = textIndex(u32(labelKey));
  needEntry(64);
  const base = top + RECORD_HEAD;
  const value = putField(base, 0x08, key);
  store<u32>(value, 0x00180012);
  const stop = putLong(value + 3, labelNumber);
  store<u8>(value + 1, u32(stop - value - 2));
  return internLabel(base, putField(stop, 0x18, unit));
}

function internLabel(base: usize, end: usize): u32 {
  return grow(end - base) ? intern(ATTRIBUTE, base, end) : broken;
}
