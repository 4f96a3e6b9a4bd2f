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
/** Of the addresses of a block the functions, u32, and their records, u64. */
let places: usize = 0;
let records: usize = 0;
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

/** Makes room for an answer of so many frames, less than one address may have are not enough; false where there is none. */
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
  places = take(4 * usize(blockSize));
  records = take(8 * usize(blockSize));
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
    const block = min(count - from, blockSize);
    for (let i: u32 = 0; i < block; i++) {
      near = find(offsetOf(from + i), near);
      store<u32>(places + 4 * usize(i), near);
      store<u64>(records + 8 * usize(i), near < functionCount ? recordOf(near) : nowhere);
    }
    fetchBlock(from, block);
    for (let i: u32 = 0; i < block && frameCount <= mostFrames; i++) add(from + i, i);
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
function fetchBlock(from: u32, block: u32): void {
  for (let i: u32 = 0; i < block; i++) {
    const record = load<u64>(records + 8 * usize(i));
    if (record === nowhere) continue;
    fetchAt(record);
    fetchAt(record + lineBytes);
    fetchPlace(placeOf(from + i, i));
  }
  for (let i: u32 = 0; i < block; i++) {
    if (openRecord(load<u64>(records + 8 * usize(i)))) fetchTables(placeOf(from + i, i));
  }
}

function add(number: u32, i: u32): void {
  const range = ranges + 8 * usize(load<u32>(sorted + 8 * usize(number)));
  const first = frameCount;
  store<u32>(range, first);
  const isProgram = textBytes <= maxTextBytes && read <= lastStep;
  if (isProgram && openRecord(load<u64>(records + 8 * usize(i)))) {
    addFrames(load<u32>(places + 4 * usize(i)), pcOf(number, i));
  }
  store<u32>(range + 4, frameCount - first);
}

function placeOf(number: u32, i: u32): usize {
  return placeBefore(load<u32>(places + 4 * usize(i)), pcOf(number, i));
}

function offsetOf(number: u32): u32 {
  return load<u32>(sorted + 8 * usize(number) + 4);
}

/** How far an address is behind the begin of its function. */
function pcOf(number: u32, i: u32): u64 {
  const start = load<u32>(starts + 4 * usize(load<u32>(places + 4 * usize(i))));
  return u64(offsetOf(number) - start);
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
