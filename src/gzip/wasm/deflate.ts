import { beginStream, endStream } from "./bit-writer";
import { DISTANCE_USES, LITERAL_USES, MATCH_SYMBOLS, MATCHES, maxMatches, SEEN } from "./layout";
import { distanceSymbol } from "./symbols";
import { writeBlock } from "./write-block";

/** A block holds so many bytes at most: few enough to be stored as they are. */
const maxBlockBytes: usize = 65_000;
const maxDistance: u32 = 32_768;
const maxLength: usize = 258;
/** Shorter matches are not looked for. */
const minLength: usize = 4;
const seenBits: u32 = 15;
/** Where nothing is found for long, only every so many bytes are looked at. */
const maxStep: usize = 16;

/**
 * Places in SEEN are numbers that go on from one stream to the next: those below this one are of another stream. So the
 * table need not be cleared for each.
 */
let first: u32 = 1;
const lastPlace: u32 = 1 << 26;

/**
 * Deflates [start, end) to `to`, and returns where that ends. SPARE bytes may be read behind `end`, and it takes no more than
 * SPARE and a 256th more than it was.
 *
 * Of all earlier places only the last one with the same four bytes (by a hash) is looked at, and what is found is taken:
 * about what zlib does at level 1.
 */
export function deflate(start: usize, end: usize, to: usize): usize {
  const size = u32(end - start);
  if (first + size > lastPlace) {
    memory.fill(SEEN, 0, 4 << seenBits);
    first = 1;
  }
  beginStream(to);
  let from = start;
  do {
    const next = findMatches(start, from, end);
    writeBlock(from, next, lastMatch, next === end);
    from = next;
  } while (from < end);
  first += size;
  return endStream();
}

/** Where the matches of the block end in MATCHES. */
let lastMatch: usize = 0;

/** Finds the matches of the block that begins at `from`, counts what it uses, and returns where it ends. */
function findMatches(start: usize, from: usize, end: usize): usize {
  memory.fill(LITERAL_USES, 0, 4 * 288 + 4 * 32);
  const bias = u32(start) - first;
  const blockEnd = min(from + maxBlockBytes, end);
  // No match is looked for where the word to compare would be past the end.
  const stop = blockEnd < from + 8 ? from : blockEnd - 8;
  let match: usize = MATCHES;
  let literals = from;
  let at = from;
  while (at < stop) {
    const four = load<u32>(at);
    const slot = slotOf(four);
    const place = load<u32>(slot);
    store<u32>(slot, u32(at) - bias);
    const distance = u32(at) - bias - place;
    if (place < first || distance > maxDistance || load<u32>(at - usize(distance)) !== four) {
      // The longer nothing was found, the less is looked for.
      at += min<usize>(1 + ((at - literals) >> 6), maxStep);
      continue;
    }
    const length = lengthOf(at, at - usize(distance), min(maxLength, blockEnd - at));
    countLiterals(literals, at);
    countMatch(u32(length), distance);
    store<u32>(match, u32(at - literals));
    store<u32>(match, (u32(length) << 16) | (distance - 1), 4);
    match += 8;
    const next = at + length;
    // What a match covers is seen too, as far as it pays.
    see(at + 1, bias);
    see(at + 2, bias);
    see(next - 2, bias);
    see(next - 1, bias);
    at = next;
    literals = next;
    if (match === MATCHES + 8 * maxMatches) break;
  }
  lastMatch = match;
  const next = match === MATCHES + 8 * maxMatches ? literals : blockEnd;
  countLiterals(literals, next);
  return next;
}

function see(at: usize, bias: u32): void {
  store<u32>(slotOf(load<u32>(at)), u32(at) - bias);
}

function slotOf(four: u32): usize {
  return (usize((four * 0x9e37_79b1) >>> (32 - seenBits)) << 2) + SEEN;
}

/** How many bytes are the same at both places, `most` at most; the first four are. */
function lengthOf(at: usize, earlier: usize, most: usize): usize {
  let length = minLength;
  while (length < most) {
    const differing = load<u64>(at + length) ^ load<u64>(earlier + length);
    if (differing !== 0) return min(length + usize(ctz(differing) >>> 3), most);
    length += 8;
  }
  return most;
}

function countLiterals(from: usize, to: usize): void {
  for (; from < to; from++) count(LITERAL_USES, u32(load<u8>(from)));
}

function countMatch(length: u32, distance: u32): void {
  count(LITERAL_USES, 257 + u32(load<u8>(usize(length) - 3 + MATCH_SYMBOLS)));
  count(DISTANCE_USES, distanceSymbol(distance - 1));
}

function count(uses: usize, symbol: u32): void {
  const at = uses + (usize(symbol) << 2);
  store<u32>(at, load<u32>(at) + 1);
}
