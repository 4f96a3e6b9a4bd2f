import { LEN, Writer, writeVarint } from "../proto/wire.js";
import { STRING } from "./tables.js";

/** Many tables stay small: there is one for each profile whose samples are edited. */
const firstEntries = 32;
const firstBytes = 1024;

const stringTag = (STRING << 3) | LEN;

/**
 * One table of a dictionary being built: entries interned by content. `add` takes the content bytes of an entry and
 * returns its index; equal content gets the same index. Entry 0 is the zero entry.
 */
export class OutTable {
  /** The table's field of ProfilesDictionary, entry after entry, tags and lengths included. */
  readonly out: Writer;
  count = 0;
  private readonly tag: number;
  private slots: Int32Array;
  private hashes = new Int32Array(firstEntries);
  /** Content [start, end) of entry i in `out`, at [2i] and [2i + 1]. */
  private ranges = new Int32Array(2 * firstEntries);

  constructor(table: number) {
    this.tag = (table << 3) | LEN;
    this.out = new Writer(firstBytes);
    this.slots = new Int32Array(2 * firstEntries);
    this.reset();
  }

  /** Empties the table but for the zero entry; its memory is used again, unless it has grown large. */
  reset(): void {
    if (this.slots.length > 1 << 16) this.slots = new Int32Array(2 * firstEntries);
    else this.slots.fill(0);
    if (this.out.buf.length > 1 << 20) this.out.buf = Buffer.allocUnsafe(firstBytes);
    if (this.hashes.length > 1 << 16) {
      this.hashes = new Int32Array(firstEntries);
      this.ranges = new Int32Array(2 * firstEntries);
    }
    this.out.reset();
    this.count = 0;
    // Index 0 means "not set": but for "", an entry that holds only zeros stays an entry of its own.
    if (this.tag === stringTag) this.add(this.out.buf, 0, 0);
    else this.append(this.out.buf, 0, 0, 0);
  }

  /** Index of the entry whose content is [start, end) of `source`. */
  add(source: Buffer, start: number, end: number): number {
    const hash = hashBytes(source, start, end);
    const { slots, hashes } = this;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (let found = slots[slot]; found !== 0; found = slots[slot]) {
      if (hashes[found - 1] === hash && this.same(found - 1, source, start, end)) return found - 1;
      slot = (slot + 1) & mask;
    }
    slots[slot] = this.count + 1;
    return this.append(source, start, end, hash);
  }

  private same(index: number, source: Buffer, start: number, end: number): boolean {
    const from = this.ranges[2 * index];
    const length = end - start;
    if (this.ranges[2 * index + 1] - from !== length) return false;
    const own = this.out.buf;
    if (length > 48) return source.compare(own, from, from + length, start, end) === 0;
    for (let i = 0; i < length; i++) if (own[from + i] !== source[start + i]) return false;
    return true;
  }

  private append(source: Buffer, start: number, end: number, hash: number): number {
    const { out } = this;
    const length = end - start;
    out.ensure(length + 6);
    const buf = out.buf;
    buf[out.pos] = this.tag;
    const pos = writeVarint(buf, out.pos + 1, length);
    if (length > 24) source.copy(buf, pos, start, end);
    else for (let i = 0; i < length; i++) buf[pos + i] = source[start + i];
    out.pos = pos + length;
    return this.note(pos, out.pos, hash);
  }

  /** Notes a new entry, which stands at [start, end) of `out`. */
  private note(start: number, end: number, hash: number): number {
    const index = this.count++;
    if (index >= this.hashes.length) {
      const hashes = new Int32Array(this.hashes.length * 2);
      hashes.set(this.hashes);
      this.hashes = hashes;
      const ranges = new Int32Array(this.ranges.length * 2);
      ranges.set(this.ranges);
      this.ranges = ranges;
    }
    this.hashes[index] = hash;
    this.ranges[2 * index] = start;
    this.ranges[2 * index + 1] = end;
    if (this.count * 2 > this.slots.length) this.rehash();
    return index;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 4);
    const mask = slots.length - 1;
    for (let i = this.tag === stringTag ? 0 : 1; i < this.count; i++) {
      let slot = this.hashes[i] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
    this.slots = slots;
  }
}

/** Keyed at random, so that a sender can't choose strings that collide. */
const seed = (Math.random() * 0x7fffffff) | 0;

function hashBytes(buf: Buffer, start: number, end: number): number {
  let hash = seed ^ (end - start);
  let i = start;
  for (; i + 4 <= end; i += 4) {
    const word = buf[i] | (buf[i + 1] << 8) | (buf[i + 2] << 16) | (buf[i + 3] << 24);
    hash = Math.imul(hash ^ word, 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  for (; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0x5bd1e995);
  return hash ^ (hash >>> 15);
}
