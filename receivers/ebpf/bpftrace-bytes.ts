/*
 * Lines with a map as bpftrace writes nearly all of them: of escapes only newlines and tabs. Read where they stand, they
 * cost no object and no text per frame. What a key is says bpftrace-map.ts.
 */

const escapedTab = 0x74;
const escapedNewline = 0x6e;
const backslash = 0x5c;
const quote = 0x22;
const space = 0x20;
const comma = 0x2c;
const colon = 0x3a;
const close = 0x7d;
const zero = 0x30;
const maxDigits = 15;
/** So many bytes show where the entries of a map begin. */
const maxHeadBytes = 128;
const headOfMap = /^\{"type": ?"map", ?"data": ?\{"@[^"\\]*": ?\{/;

/** Where the entries of a map begin; -1 where the line is something else, or takes a JSON parser. */
export function plainMapAt(bytes: Buffer): number {
  const head = headOfMap.exec(bytes.latin1Slice(0, Math.min(bytes.length, maxHeadBytes)))?.[0];
  if (head === undefined) return -1;
  let at = head.length;
  if (bytes[at] !== close) {
    for (;;) {
      const colonAt = keyEnd(bytes, at) + 1;
      at = colonAt === 0 || bytes[colonAt] !== colon ? -1 : countEnd(bytes, countStart(bytes, colonAt));
      if (at < 0) return -1;
      if (bytes[at] !== comma) break;
      at = nextEntry(bytes, at);
    }
  }
  return bytes.length === at + 3 && bytes[at] === close && bytes[at + 1] === close && bytes[at + 2] === close
    ? head.length
    : -1;
}

/** Where the quote behind a key is; -1 where there is none, or the key has other escapes. */
function keyEnd(bytes: Buffer, start: number): number {
  if (bytes[start] !== quote) return -1;
  let at = start + 1;
  for (let byte = bytes[at]; byte !== quote; byte = bytes[at]) {
    if (byte === backslash) {
      if (bytes[at + 1] !== escapedNewline && bytes[at + 1] !== escapedTab) return -1;
      at++;
    } else if (!(byte >= space)) return -1;
    at++;
  }
  return at;
}

function countStart(bytes: Buffer, colonAt: number): number {
  return bytes[colonAt + 1] === space ? colonAt + 2 : colonAt + 1;
}

/** Where a number ends that is whole and small enough; -1 where there is none. */
function countEnd(bytes: Buffer, start: number): number {
  let at = start;
  while (bytes[at] >= zero && bytes[at] <= zero + 9) at++;
  if (at === start || at > start + maxDigits || (bytes[start] === zero && at > start + 1)) return -1;
  return at;
}

function nextEntry(bytes: Buffer, commaAt: number): number {
  return bytes[commaAt + 1] === space ? commaAt + 2 : commaAt + 1;
}

/** The entries of a plain map, one after the other. */
export class PlainEntries {
  count = 0;
  /** What stands before the stacks, a comma at its end. */
  head = "";
  /** [start, end, stack] of each frame in the line. */
  readonly frames: number[] = [];
  private readonly bytes: Buffer;
  private readonly stacks: number;
  private at: number;

  /** `at` is where the entries begin, `stacks` the number of stacks that a key has. */
  constructor(bytes: Buffer, at: number, stacks: number) {
    this.bytes = bytes;
    this.at = at;
    this.stacks = stacks;
  }

  /** Reads the next entry; undefined at the end, false where its key is of other parts. */
  next(): boolean | undefined {
    const { bytes } = this;
    if (bytes[this.at] !== quote) return undefined;
    const end = bytes.indexOf(quote, this.at + 1);
    const isKey = this.readKey(this.at + 1, end);
    const start = countStart(bytes, end + 1);
    const stop = countEnd(bytes, start);
    this.count = 0;
    for (let at = start; at < stop; at++) this.count = 10 * this.count + bytes[at] - zero;
    this.at = nextEntry(bytes, stop);
    return isKey;
  }

  private readKey(start: number, end: number): boolean {
    const { bytes, frames } = this;
    frames.length = 0;
    let headEnd = lineEnd(bytes, start, end);
    let stack = 0;
    for (let at = headEnd + 2; at < end; ) {
      const stop = lineEnd(bytes, at, end);
      if (bytes[at] === space || isTab(bytes, at)) frames.push(at, stop, stack);
      else if (stop > at && isCommas(bytes, at, stop)) stack += stop - at;
      else return false;
      at = stop + 2;
    }
    // Empty stacks in front of the first one that isn't are commas of the first line.
    const missing = this.stacks - 1 - stack;
    if (missing < 0 || !isCommas(bytes, headEnd - missing, headEnd)) return false;
    headEnd -= missing;
    for (let i = 2; i < frames.length; i += 3) frames[i] += missing;
    this.head = unescaped(bytes.utf8Slice(start, Math.max(start, headEnd)));
    return true;
  }
}

/** Where the next newline stands, as its two letters, or `end`. */
function lineEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] === backslash && bytes[at + 1] === escapedNewline) return at;
  }
  return end;
}

function isCommas(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== comma) return false;
  return true;
}

function isTab(bytes: Buffer, at: number): boolean {
  return bytes[at] === backslash && bytes[at + 1] === escapedTab;
}

/** A text of a plain line as it is meant; it has no newlines. */
export function unescaped(text: string): string {
  return text.includes("\\") ? text.replaceAll("\\t", "\t") : text;
}
