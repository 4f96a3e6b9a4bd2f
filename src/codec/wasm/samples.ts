import { RECORD_HEAD, top } from "../../pdata/wasm/arena";
import { LARGE_VARINT, TRUNCATED_VARINT } from "../../pdata/wasm/faults";
import { intern } from "../../pdata/wasm/intern";
import { STACK } from "../../pdata/wasm/numbers";
import { closeLength, copy, varintSize } from "../../pdata/wasm/out";
import { fail, openLength, readVarint, spanEnd, varint } from "../../pdata/wasm/primitives";
import { MESSAGE_SAMPLE, UNKNOWN_LOCATION, VALUE_COUNT } from "./faults";
import { field, readField, skipUnknown } from "./fields";
import { grow } from "./growth";
import { findId, idLimit, idList } from "./ids";
import { fieldsOfRun } from "./labels";
import { ROW_BYTES, VALUES } from "./layout";
import { scratch } from "./locations";
import { gap, needEntry } from "./memory";
import { LOCATION, SAMPLE } from "./numbers";
import { count, entry, entryEnd, largestEntry, nextEntry, openTable } from "./parts";
import { highBits, isShort, shortSize, shortValue } from "./short";
import { putIndex } from "./values";

/* Sample { location_id 1, value 2, label 3 } */

/** By sample: index of its stack, where the fields of its attributes and link stand or 0, where its values stand (u32 each). */
export let rows: usize = 0;
/** Bytes that the samples of one type take as OTLP, at most. */
export let typeBytes: u64 = 0;

/** What a message takes besides its fields of attributes and link. */
const plainBytes: u64 = 24;

let types: u32 = 0;

/** Reads the samples, of so many values each: stacks and labels go into the dictionary. */
export function readSamples(sampleTypes: u32): bool {
  types = sampleTypes;
  typeBytes = 0;
  rows = gap(u64(count(SAMPLE)) * u64(ROW_BYTES));
  let row = rows;
  openTable(SAMPLE);
  while (nextEntry()) {
    if (!readSample(row, entry, entryEnd)) return false;
    row += ROW_BYTES;
  }
  return true;
}

/** Values of the sample that is read; where each of them stands is in VALUES. */
let values: u32 = 0;

/** The labels: a run as it stands in the pprof, or, where other fields stand between them, collected in `scratch`. */
let runStart: usize = 0;
let runEnd: usize = 0;
let collectedEnd: usize = 0;

function readSample(row: usize, p: usize, end: usize): bool {
  values = 0;
  runStart = 0;
  collectedEnd = 0;
  needEntry(5 * u64(end - p) + 16);
  // Stack { location_indices 1 }
  const stack = top + RECORD_HEAD;
  let out = stack + 2;
  while (p < end) {
    const start = p;
    const head = u32(load<u16>(p));
    let tag = head & 0xff;
    let stop = p + 2 + usize(head >>> 8);
    const isList = tag === 0x0a || tag === 0x12 || tag === 0x1a;
    if (isList && head < 0x8000 && stop <= end) p += 2;
    else {
      p = readField(p, end);
      if (p === 0) return false;
      tag = field;
      if (tag === 0x0a || tag === 0x12 || tag === 0x1a) {
        p = openLength(p, end);
        if (p === 0) return false;
        stop = spanEnd;
      }
    }
    if (tag === 0x0a || tag === 0x12 || tag === 0x1a) {
      if (tag === 0x0a) {
        out = putIndices(out, p, stop);
        if (out === 0) return false;
      } else if (tag === 0x1a) noteLabel(start, stop);
      else if (!noteValues(p, stop)) return false;
      p = stop;
    } else if (tag === 0x10) p = noteValue(p, end);
    else if (tag === 0x08) {
      p = readVarint(p, end);
      if (p === 0) return false;
      const index = findId(LOCATION, varint);
      if (index === 0) return unknown(varint) !== 0;
      out = putIndex(out, index);
    } else p = skipUnknown(p, end, 3, MESSAGE_SAMPLE);
    if (p === 0) return false;
  }
  if (values !== types) return fail(VALUE_COUNT, p, values, types) !== 0;
  return finishSample(row, stack, out);
}

function finishSample(row: usize, stack: usize, stackEnd: usize): bool {
  let index: u32 = 0;
  if (stackEnd > stack + 2) {
    store<u8>(stack, 0x0a);
    index = intern(STACK, stack, closeLength(stack + 1, 1, stackEnd));
  }
  let fields: usize = 0;
  if (runStart !== 0) {
    const work = scratch + 2 * largestEntry;
    fields = collectedEnd !== 0 ? fieldsOfRun(scratch, collectedEnd, work) : fieldsOfRun(runStart, runEnd, work);
    if (fields === 0) return false;
  }
  store<u32>(row, index);
  store<u32>(row + 4, u32(fields));
  store<u32>(row + 8, u32(placeValues()));
  const fieldBytes: u64 = fields === 0 ? 0 : u64(load<u32>(fields));
  typeBytes += plainBytes + fieldBytes;
  const stackBytes: u64 = index === 0 ? 0 : 1 + u64(varintSize(index));
  return grow(u64(types) * (stackBytes + fieldBytes + 4) + valueBytes);
}

function unknown(id: u64): usize {
  return fail(UNKNOWN_LOCATION, 0, i32(id), i32(id >>> 32));
}

/** Writes the indices of the locations whose ids stand in [p, end); returns their end, 0 where an id is unknown or broken. */
function putIndices(out: usize, p: usize, end: usize): usize {
  const list = idList(LOCATION);
  const limit = idLimit(LOCATION);
  while (p < end) {
    const word = u32(load<u16>(p));
    const id = shortValue(word);
    let index: u32 = 0;
    if (isShort(word) && id < limit) {
      index = load<u32>(list + (usize(id) << 2));
      if (index === 0) return p + shortSize(word) > end ? fail(TRUNCATED_VARINT, p) : unknown(id);
      p += shortSize(word);
    } else {
      p = readVarint(p, end);
      if (p === 0) return 0;
      index = findId(LOCATION, varint);
      if (index === 0) return unknown(varint);
    }
    out = putIndex(out, index);
  }
  return p > end ? fail(TRUNCATED_VARINT, p) : out;
}

/** Takes the label field in [start, end) into the run. */
function noteLabel(start: usize, end: usize): void {
  if (runStart === 0) {
    runStart = start;
    runEnd = end;
  } else if (collectedEnd === 0 && runEnd === start) runEnd = end;
  else {
    if (collectedEnd === 0) collectedEnd = append(scratch, runStart, runEnd);
    collectedEnd = append(collectedEnd, start, end);
  }
}

function append(out: usize, start: usize, end: usize): usize {
  copy(out, start, end - start);
  return out + (end - start);
}

function noteValues(p: usize, end: usize): bool {
  while (p < end) {
    p = noteValue(p, end);
    if (p === 0) return false;
  }
  return true;
}

/** Notes the value at p. */
function noteValue(p: usize, end: usize): usize {
  const start = p;
  const stops = ~load<u64>(p) & highBits;
  if (stops !== 0) p += 1 + (usize(ctz(stops)) >>> 3);
  else if (load<u8>(p + 8) < 0x80) p += 9;
  else if (load<u8>(p + 9) < 2) p += 10;
  else return fail(end - p < 10 ? TRUNCATED_VARINT : LARGE_VARINT, p);
  if (p > end) return fail(TRUNCATED_VARINT, p);
  if (values < types) {
    const at = usize(VALUES) + (usize(values) << 3);
    store<u64>(at, u64(start) | (u64(p) << 32));
  }
  values++;
  return p;
}

/** Bytes of the values that placeValues placed last. */
let valueBytes: u64 = 0;

/** Where the values of the sample stand one behind the other. */
function placeValues(): usize {
  valueBytes = 0;
  let isOneList = true;
  const past = usize(VALUES) + (usize(types) << 3);
  for (let at: usize = VALUES; at < past; at += 8) {
    valueBytes += load<u32>(at + 4) - load<u32>(at);
    if (at + 8 < past && load<u32>(at + 4) !== load<u32>(at + 8)) isOneList = false;
  }
  if (isOneList) return usize(load<u32>(VALUES));
  const placed = gap(valueBytes);
  let out = placed;
  for (let at: usize = VALUES; at < past; at += 8) out = append(out, usize(load<u32>(at)), usize(load<u32>(at + 4)));
  return placed;
}
