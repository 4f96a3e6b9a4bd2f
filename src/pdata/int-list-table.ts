import type { Reader } from "../proto/wire.js";

/** Drawn at random for every process, so that a sender can't choose lists that collide. */
const hashKey = random32();
const hashFactor = random32() | 1;

function random32(): number {
  return (Math.random() * 2 ** 32) | 0;
}

/** Distinct lists of integers, numbered in order of arrival: attribute sets, stacks. */
export class IntListTable {
  private data: Int32Array = new Int32Array(16);
  private used = 0;
  private starts: number[] = [];
  private hashes: number[] = [];
  private slots = new Int32Array(16);
  private empty = -1;

  get length(): number {
    return this.starts.length;
  }

  /** Number of the list that fills the rest of `reader` as packed varints. */
  add(reader: Reader): number {
    const room = this.used + (reader.end - reader.pos);
    if (room > this.data.length) this.data = grow(this.data, room);
    const start = this.used;
    let at = start;
    while (reader.pos < reader.end) this.data[at++] = reader.int32();
    return this.intern(start, at);
  }

  /** Number of this list. */
  addList(list: ArrayLike<number>): number {
    const room = this.used + list.length;
    if (room > this.data.length) this.data = grow(this.data, room);
    this.data.set(list, this.used);
    return this.intern(this.used, room);
  }

  addEmpty(): number {
    if (this.empty < 0) this.empty = this.intern(this.used, this.used);
    return this.empty;
  }

  private intern(start: number, end: number): number {
    let hash = Math.imul(end - start + hashKey, hashFactor);
    for (let i = start; i < end; i++) {
      hash = Math.imul((hash ^ this.data[i]) + hashKey, hashFactor);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0x5bd1e995);
    hash ^= hash >>> 13;
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let found = this.slots[slot]; found !== 0; found = this.slots[slot]) {
      if (this.hashes[found - 1] === hash && this.same(found - 1, start, end)) return found - 1;
      slot = (slot + 1) & mask;
    }
    this.starts.push(start);
    this.hashes.push(hash);
    this.used = end;
    this.slots[slot] = this.starts.length;
    if (this.starts.length * 2 > this.slots.length) this.rehash();
    return this.starts.length - 1;
  }

  private same(index: number, start: number, end: number): boolean {
    const from = this.starts[index];
    if (this.endOf(index) - from !== end - start) return false;
    for (let i = start, j = from; i < end; i++, j++) if (this.data[i] !== this.data[j]) return false;
    return true;
  }

  private endOf(index: number): number {
    return index + 1 < this.starts.length ? this.starts[index + 1] : this.used;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 4);
    const mask = slots.length - 1;
    for (let i = 0; i < this.hashes.length; i++) {
      let slot = this.hashes[i] & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = i + 1;
    }
    this.slots = slots;
  }

  list(index: number): Int32Array {
    return this.data.subarray(this.starts[index], this.endOf(index));
  }

  lists(): Int32Array[] {
    return this.starts.map((_, index) => this.list(index));
  }
}

function grow(data: Int32Array, room: number): Int32Array {
  const larger = new Int32Array(Math.max(room, data.length * 2));
  larger.set(data);
  return larger;
}
