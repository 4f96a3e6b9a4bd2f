import { LEN, Reader, VARINT, WireError } from "../proto/wire.js";
import type { PprofIndex } from "./pprof-index.js";

/**
 * Keys of samples that stay the same from one pprof of a process to the next, though ids and string indices change: 64
 * bits over addresses, function names, lines and labels.
 */
export class SampleKeys {
  /** The key that was last computed. */
  low = 0;
  high = 0;
  private readonly index: PprofIndex;
  private readonly strings: Map<number, number> = new Map();
  private readonly functions = new Map<number | string, number>();
  private readonly locations = new Map<number | string, number>();
  /** [low, high] of each location's hash. */
  private readonly hashes: number[] = [0, 0];

  constructor(index: PprofIndex) {
    this.index = index;
    const { buf, functions, locations } = index;
    for (let i = 0; i < functions.length; i++) this.readFunction(range(buf, functions.data, i));
    for (let i = 0; i < locations.length; i++) this.readLocation(range(buf, locations.data, i));
  }

  /** Adds a location of the stack, leaf first. */
  location(id: number | string): void {
    const at = this.locations.get(id) ?? 0;
    this.mix(this.hashes[at]);
    this.mix(this.hashes[at + 1]);
  }

  /** Label { key 1, str 2, num 3, num_unit 4 } */
  label(reader: Reader): void {
    this.mix(0x1abe1);
    while (reader.next()) {
      if (reader.field > 4) {
        reader.skip();
        continue;
      }
      if (reader.wireType !== VARINT) wrongType(reader, "Label");
      const { field } = reader;
      const high = reader.skipVarintHigh();
      this.mix(field);
      if (field === 3) this.mix(high);
      this.mix(field === 3 ? reader.low : this.string(reader.low));
    }
  }

  begin(): void {
    this.low = 0x811c9dc5 | 0;
    this.high = 0x1b873593;
  }

  private mix(word: number): void {
    let low = Math.imul(this.low ^ word, 0x85ebca6b);
    low ^= low >>> 15;
    let high = Math.imul((this.high ^ word) + 0x7f4a7c15, 0xc2b2ae35);
    high ^= high >>> 13;
    this.low = (low + (high << 7)) | 0;
    this.high = (high + (low >>> 9)) | 0;
  }

  private string(at: number): number {
    let hash = this.strings.get(at);
    if (hash === undefined) {
      const { buf, strings } = this.index;
      hash = at >= 0 && at < strings.length ? hashBytes(buf, strings.data[2 * at], strings.data[2 * at + 1]) : 0;
      this.strings.set(at, hash);
    }
    return hash;
  }

  /** Function { id 1, name 2 } */
  private readFunction(reader: Reader): void {
    let id: number | string = 0;
    let name = 0;
    while (reader.next()) {
      if (reader.field === 1 && reader.wireType === VARINT) id = idOf(reader);
      else if (reader.field === 2 && reader.wireType === VARINT) {
        reader.skipVarintHigh();
        name = this.string(reader.low);
      } else reader.skip();
    }
    this.functions.set(id, name);
  }

  /** Location { id 1, address 3, line 4 { function_id 1, line 2 } } */
  private readLocation(reader: Reader): void {
    let id: number | string = 0;
    this.begin();
    while (reader.next()) {
      if (reader.field === 1 && reader.wireType === VARINT) id = idOf(reader);
      else if (reader.field === 3 && reader.wireType === VARINT) {
        this.mix(reader.skipVarintHigh());
        this.mix(reader.low);
      } else if (reader.field === 4 && reader.wireType === LEN) this.readLine(reader.message());
      else reader.skip();
    }
    this.locations.set(id, this.hashes.length);
    this.hashes.push(this.low, this.high);
  }

  private readLine(reader: Reader): void {
    while (reader.next()) {
      if (reader.field === 1 && reader.wireType === VARINT) this.mix(this.functions.get(idOf(reader)) ?? 0);
      else if (reader.field === 2 && reader.wireType === VARINT) {
        reader.skipVarintHigh();
        this.mix(reader.low);
      } else reader.skip();
    }
  }
}

export function wrongType(reader: Reader, message: string): never {
  throw new WireError(`field ${reader.field} of ${message} has wire type ${reader.wireType}`);
}

/** A 64-bit id as a map's key, exact. */
export function idOf(reader: Reader): number | string {
  const high = reader.skipVarintHigh() >>> 0;
  const low = reader.low >>> 0;
  return high < 0x200000 ? high * 0x1_0000_0000 + low : `${high}:${low}`;
}

function range(buf: Buffer, data: Int32Array, i: number): Reader {
  return new Reader(buf, data[2 * i], data[2 * i + 1]);
}

/** FNV-1a. */
function hashBytes(buf: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ buf[i], 0x01000193);
  return hash;
}
