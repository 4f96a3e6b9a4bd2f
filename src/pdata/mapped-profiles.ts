import { createHash } from "node:crypto";
import type { Dictionary } from "./dictionary.js";
import type { Profile } from "./profile.js";
import type { ResourceProfiles } from "./resource-profiles.js";
import { TABLES } from "./tables.js";
import { BUILT, COUNTS, OUT_COUNTS, PROFILE } from "./wasm/layout.js";
import { WasmInstance } from "./wasm-instance.js";

/** What of a batch is mapped. */
export interface MappedBatch {
  readonly dictionary: Dictionary;
  readonly resources: readonly ResourceProfiles[];
}

/** Part of a profile: the samples [from, to). */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

/** A profile that was written: [start, end) of `bytes`, tag and length included. */
export interface MappedProfile {
  readonly start: number;
  readonly end: number;
  readonly samples: number;
}

interface Size {
  readonly entries: number;
  readonly profiles: number;
  readonly profileBytes: number;
  readonly largestProfile: number;
}

/**
 * Profiles of several batches, written with references into one dictionary, which holds what they use and nothing else,
 * each entry once. All of it stands in the WebAssembly memory, and is made there (wasm/build.ts), until `release`. Nothing
 * may be scanned meanwhile.
 */
export class MappedProfiles {
  private readonly wasm: WasmInstance;
  private readonly sizes: ReadonlyMap<MappedBatch, Size>;

  constructor(batches: readonly MappedBatch[]) {
    this.sizes = new Map(batches.map((batch) => [batch, sizeOf(batch)]));
    let dictionaryBytes = 0;
    let entries = 0;
    let profileBytes = 0;
    let allEntries = 0;
    for (const [batch, size] of this.sizes) {
      dictionaryBytes = Math.max(dictionaryBytes, batch.dictionary.byteSize);
      entries = Math.max(entries, size.entries);
      profileBytes = Math.max(profileBytes, size.largestProfile);
      allEntries += size.entries;
    }
    this.wasm = WasmInstance.withRoom(0);
    this.check(this.wasm.exports.beginBuild(dictionaryBytes, entries, profileBytes, allEntries));
  }

  /** Where the profiles are. Look again after anything was added. */
  get bytes(): Buffer {
    return this.wasm.bytes;
  }

  /** The profiles that are added next are of this batch, one of those that the constructor got. */
  addBatch(batch: MappedBatch): void {
    const { wasm } = this;
    const { dictionary } = batch;
    const size = this.sizes.get(batch) as Size;
    let at = wasm.exports.dictionaryStart();
    for (const part of dictionary.content()) at += part.copy(wasm.bytes, at);
    for (const table of TABLES) wasm.view.setUint32(COUNTS + 4 * table, dictionary.count(table), true);
    this.check(wasm.exports.addDictionary(dictionary.byteSize, size.profiles, size.profileBytes));
  }

  /** Writes a profile of the batch that was added last. */
  addProfile(profile: Profile, slice: Slice | undefined): MappedProfile {
    const { wasm } = this;
    const { buf, start, end } = profile;
    buf.copy(wasm.bytes, wasm.exports.profileStart(), start, end);
    wasm.exports.addProfile(end - start, slice?.from ?? 0, slice?.to ?? 0xffffffff, slice !== undefined);
    const { view } = wasm;
    const idAt = view.getUint32(PROFILE + 12, true);
    if (slice && idAt > 0) this.partId(idAt, slice);
    return {
      start: view.getUint32(PROFILE, true),
      end: view.getUint32(PROFILE + 4, true),
      samples: view.getUint32(PROFILE + 8, true),
    };
  }

  /** A whole profile keeps its id; a part gets one made of the id and its range, the same at every try. */
  private partId(at: number, { from, to }: Slice): void {
    const id = this.bytes.subarray(at, at + 16);
    if (id.some((byte) => byte !== 0)) uuid5(id, `samples ${from}-${to}`).copy(id);
  }

  /** Writes the dictionary: [start, end) of `bytes` is its content, `counts` its entries by table. Nothing is added behind it. */
  finish(): { readonly start: number; readonly end: number; readonly counts: Int32Array } {
    const { wasm } = this;
    this.check(wasm.exports.finishBuild());
    const counts = Int32Array.from({ length: 8 }, (_, table) => wasm.view.getUint32(OUT_COUNTS + 4 * table, true));
    return { start: wasm.view.getUint32(BUILT, true), end: wasm.view.getUint32(BUILT + 4, true), counts };
  }

  release(): void {
    this.wasm.release();
  }

  private check(done: number): void {
    this.wasm.refresh();
    if (!done) throw new RangeError("batches of this size need more memory to be joined than WebAssembly can have");
  }
}

function sizeOf(batch: MappedBatch): Size {
  let entries = 0;
  for (const table of TABLES) entries += batch.dictionary.count(table);
  let profiles = 0;
  let profileBytes = 0;
  let largestProfile = 0;
  for (const resource of batch.resources) {
    for (const scope of resource.scopes) {
      for (const { start, end } of scope.profiles) {
        profiles++;
        profileBytes += end - start;
        largestProfile = Math.max(largestProfile, end - start);
      }
    }
  }
  return { entries, profiles, profileBytes, largestProfile };
}

/** UUID version 5 (SHA-1) of a name in a namespace. */
function uuid5(namespace: Buffer, name: string): Buffer {
  const id = createHash("sha1").update(namespace).update(name).digest().subarray(0, 16);
  id[6] = (id[6] & 0x0f) | 0x50;
  id[8] = (id[8] & 0x3f) | 0x80;
  return id;
}
