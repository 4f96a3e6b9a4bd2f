import { addFrames, frameCount, openFrames } from "./frames";
import { openFunctions, functionCount as rowCount } from "./functions";
import {
  ANSWER,
  ENDS,
  FRAME_COUNT,
  FRAMES,
  FUNCTION_COUNT,
  FUNCTIONS,
  MAX_FRAMES,
  OFFSETS,
  RANGES,
  TEXT_BYTES,
  TEXT_COUNT,
  TEXTS,
} from "./layout";
import { aligned, lineBytes, reach } from "./memory";
import { fetchPlace, fetchTables, placeBefore, starts } from "./places";
import { openRecord } from "./record";
import { countersBytes, sortByHigh } from "./sort";
import { read } from "./steps";
import { fetchAt, functionCount, recordOf } from "./table";
import { openTexts, slotBits, slotsBytes, textBytes, textCount } from "./texts";

/** Most addresses of an answer. */
const maxAddresses: u32 = 65_536;
const frameBytes: usize = 8;
const functionBytes: usize = 16;
/** Most bytes of texts in an answer, and steps that are read for an address in the mean: more is no program. */
const maxTextBytes: usize = 32 * 1024 * 1024;
const maxSteps: u64 = 4096;
/** Addresses of which the bytes are fetched before they are read. */
const blockSize: u32 = 128;
const nowhere: u64 = u64.MAX_VALUE;

/** Behind it is room for answers. */
let answersAt: usize = 0;
let top: usize = 0;
let offsets: usize = 0;
let ranges: usize = 0;
/** The addresses in order: the offset in the high half of a u64, in the low one the number of the address. */
let sorted: usize = 0;
let spare: usize = 0;
let counts: usize = 0;
/** Of each address of a block: its function, its offset in that, the place before it, u32 each, and at 16 the record, u64. */
let block: usize = 0;
const inBlock: usize = 24;
let mostFrames: u32 = 0;
let lastStep: u64 = 0;

export function openAnswers(at: usize): void {
  answersAt = aligned(at);
}

function take(bytes: usize): usize {
  const at = top;
  top = aligned(at + bytes);
  return at;
}

function put(number: usize, value: u32): void {
  store<u32>(4 * number + ANSWER, value);
}

/** Makes room for an answer of so many frames, and for those of one more address; false where there is none. */
export function openAnswer(count: u32, frameRoom: u32): bool {
  const frames = usize(frameRoom) + MAX_FRAMES;
  if (count > maxAddresses || frameRoom > maxAddresses * u32(MAX_FRAMES)) return false;
  const bits = slotBits(count);
  top = answersAt;
  offsets = take(4 * usize(count));
  ranges = take(8 * usize(count));
  sorted = take(8 * usize(count));
  spare = take(8 * usize(count));
  counts = take(countersBytes);
  block = take(usize(blockSize) * inBlock);
  const slots = take(slotsBytes(bits));
  const framesAt = take(frameBytes * frames);
  const functions = take(functionBytes * frames);
  const before = take(4 * frames);
  // A frame may bring a name, a name as the file has it and a file, and an address without frames a file.
  const textRoom = frames * 3 + usize(count) + 1;
  const lastOfName = take(4 * textRoom);
  const ends = take(4 * textRoom);
  const texts = top;
  if (!reach(u64(top))) return false;
  mostFrames = frameRoom;
  openFrames(framesAt);
  openFunctions(functions, before, lastOfName);
  openTexts(bits, slots, ends, texts);
  put(OFFSETS, u32(offsets));
  put(RANGES, u32(ranges));
  put(FRAMES, u32(framesAt));
  put(FUNCTIONS, u32(functions));
  put(ENDS, u32(ends));
  put(TEXTS, u32(texts));
  return true;
}

/**
 * Finds the frames at the addresses; false if there are more than there is room for. Those of which the texts or the
 * tables are too long, which only a file can bring about that was made to, have none.
 */
export function answer(count: u32): bool {
  for (let i: u32 = 0; i < count; i++) {
    store<u64>(sorted + 8 * usize(i), (u64(load<u32>(offsets + 4 * usize(i))) << 32) | u64(i));
  }
  sortByHigh(sorted, count, spare, counts);
  lastStep = read + maxSteps * (u64(count) + maxSteps);
  let near: u32 = 0;
  for (let from: u32 = 0; from < count && frameCount <= mostFrames; from += blockSize) {
    const addresses = min(count - from, blockSize);
    const end = block + usize(addresses) * inBlock;
    let number = sorted + 8 * usize(from);
    for (let at = block; at < end; at += inBlock) {
      const offset = load<u32>(number + 4);
      near = find(offset, near);
      const isIn = near < functionCount;
      store<u32>(at, near);
      store<u32>(at + 4, isIn ? offset - startOf(near) : 0);
      store<u64>(at + 16, isIn ? recordOf(near) : nowhere);
      number += 8;
    }
    fetchBlock(end);
    number = sorted + 8 * usize(from);
    for (let at = block; at < end && frameCount <= mostFrames; at += inBlock) {
      add(ranges + 8 * usize(load<u32>(number)), at);
      number += 8;
    }
  }
  put(FRAME_COUNT, frameCount);
  put(FUNCTION_COUNT, rowCount);
  put(TEXT_COUNT, textCount);
  put(TEXT_BYTES, u32(textBytes));
  return frameCount <= mostFrames;
}

/**
 * Reads a byte of what the addresses of a block need, most of which is in no cache: these reads don't wait for one another,
 * as those do that come later.
 */
function fetchBlock(end: usize): void {
  for (let at = block; at < end; at += inBlock) {
    const record = load<u64>(at + 16);
    if (record === nowhere) continue;
    fetchAt(record);
    fetchAt(record + lineBytes);
    const place = placeBefore(load<u32>(at), u64(load<u32>(at + 4)));
    store<u32>(at + 8, u32(place));
    fetchPlace(place);
  }
  for (let at = block; at < end; at += inBlock) {
    if (openRecord(load<u64>(at + 16))) fetchTables(usize(load<u32>(at + 8)));
  }
}

function add(range: usize, at: usize): void {
  const first = frameCount;
  store<u32>(range, first);
  const isProgram = textBytes <= maxTextBytes && read <= lastStep;
  if (isProgram && openRecord(load<u64>(at + 16))) {
    addFrames(load<u32>(at), u64(load<u32>(at + 4)), usize(load<u32>(at + 8)));
  }
  store<u32>(range + 4, frameCount - first);
}

/** The last function that begins at or before an offset; no function's number if none does. Quick where it is close behind `near`. */
function find(offset: u32, near: u32): u32 {
  let low: u32 = 0;
  let high = functionCount + 1;
  if (near < high && startOf(near) <= offset) {
    low = near + 1;
    for (let step: u32 = 1; low + step < high; step *= 2) {
      if (startOf(low + step) > offset) high = low + step;
      else low += step;
    }
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (startOf(middle) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function startOf(place: u32): u32 {
  return load<u32>(starts + 4 * usize(place));
}
