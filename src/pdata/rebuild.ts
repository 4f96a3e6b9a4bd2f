import { Reader, varintSize, Writer, writeVarint } from "../proto/wire.js";
import { type MappedBatch, MappedProfiles, type Slice } from "./mapped-profiles.js";
import type { Profile } from "./profile.js";
import type { Built, ScanResult } from "./scan.js";
import { STACK } from "./tables.js";

/** What of a batch is read: Profiles has it all. */
export interface SourceBatch extends MappedBatch {
  readonly newestTimeUnixNano: bigint;
  readonly hasUnknownTables: boolean;
  unknownFields(): Buffer[];
}

/** Which parts of a batch go into another. */
export interface Selection {
  /** All of a profile's samples (undefined), none of the profile at all (null), or a part. */
  slice(profile: Profile): Slice | undefined | null;
  /** True to take resources and scopes that hold no profiles. */
  readonly withEmpty: boolean;
}

interface ScopeGroup {
  readonly head: Buffer;
  /** [start, end) of its profiles in the mapped profiles' bytes. */
  readonly profiles: number[];
  profileBytes: number;
}

interface ResourceGroup {
  readonly head: Buffer;
  readonly scopes: ScopeGroup[];
  readonly byHead: Map<string, ScopeGroup>;
  samples: number;
}

/** What is equal in everything but its parts has this written equally. One buffer serves all. */
const head = new Writer(1024);

/**
 * Builds one request with one dictionary out of (parts of) others. Equal resources and scopes are joined; a Profile
 * stays a Profile. The dictionary holds what is used and nothing else, each entry once.
 */
class Builder {
  private readonly mapped: MappedProfiles;
  private readonly groups: ResourceGroup[] = [];
  private readonly byHead = new Map<string, ResourceGroup>();
  private samples = 0;
  private profiles = 0;
  private newestNano = 0;
  private readonly unknown: Buffer[] = [];
  /** Unknown fields of the dictionaries that went in. */
  private readonly unknownTables: Buffer[] = [];

  constructor(mapped: MappedProfiles) {
    this.mapped = mapped;
  }

  add(batch: SourceBatch, select: Selection | undefined): void {
    this.mapped.addBatch(batch);
    this.keepUnknown(batch);
    this.newestNano = Math.max(this.newestNano, Number(batch.newestTimeUnixNano));
    for (const resource of batch.resources) {
      let group: ResourceGroup | undefined;
      if (!select || (select.withEmpty && resource.scopes.length === 0)) group = this.resourceGroup(resource);
      for (const scope of resource.scopes) {
        let scopeGroup: ScopeGroup | undefined;
        if (!select || (select.withEmpty && scope.profiles.length === 0)) {
          group ??= this.resourceGroup(resource);
          scopeGroup = scopeGroupOf(group, scope);
        }
        for (const profile of scope.profiles) {
          const slice = select?.slice(profile);
          if (slice === null) continue;
          group ??= this.resourceGroup(resource);
          scopeGroup ??= scopeGroupOf(group, scope);
          this.profile(profile, slice, group, scopeGroup);
        }
      }
    }
  }

  private keepUnknown(batch: SourceBatch): void {
    for (const field of batch.unknownFields()) this.unknown.push(field);
    if (!batch.hasUnknownTables) return;
    for (const content of batch.dictionary.content()) {
      const reader = new Reader(content, 0, content.length);
      while (reader.next()) {
        const start = reader.fieldStart;
        reader.skip();
        if (reader.field > STACK) this.unknownTables.push(content.subarray(start, reader.pos));
      }
    }
  }

  private resourceGroup(resource: { writeHead(writer: Writer): void }): ResourceGroup {
    const key = headKey(resource);
    let group = this.byHead.get(key);
    if (!group) {
      group = { head: head.copyOut(), scopes: [], byHead: new Map(), samples: 0 };
      this.byHead.set(key, group);
      this.groups.push(group);
    }
    return group;
  }

  private profile(profile: Profile, slice: Slice | undefined, group: ResourceGroup, scopeGroup: ScopeGroup): void {
    const { start, end, samples } = this.mapped.addProfile(profile, slice);
    scopeGroup.profiles.push(start, end);
    scopeGroup.profileBytes += end - start;
    group.samples += samples;
    this.samples += samples;
    this.profiles++;
  }

  finish(): Built {
    const { unknown, unknownTables } = this;
    const dictionary = this.mapped.finish();
    let dictionarySize = dictionary.end - dictionary.start;
    for (const field of unknownTables) dictionarySize += field.length;
    const hasDictionary = this.profiles > 0 || unknownTables.length > 0;
    const sizes = this.groups.map(measure);
    let size = hasDictionary ? 1 + varintSize(dictionarySize) + dictionarySize : 0;
    for (const { total } of sizes) size += 1 + varintSize(total) + total;
    for (const field of unknown) size += field.length;
    const buf = Buffer.allocUnsafeSlow(size);
    const scanned: ScanResult = {
      dictionaryStart: -1,
      dictionaryEnd: -1,
      counts: hasDictionary ? dictionary.counts : new Int32Array(8),
      resources: new Int32Array(4 * this.groups.length),
      resourceCount: this.groups.length,
      sampleCount: this.samples,
      profileCount: this.profiles,
      unknown: [],
      newestNano: this.newestNano,
      hasUnknownTables: unknownTables.length > 0,
      hasReferences: false,
    };
    let pos = this.writeGroups(buf, sizes, scanned.resources);
    for (const field of unknown) {
      scanned.unknown.push(pos, pos + field.length);
      pos += field.copy(buf, pos);
    }
    if (!hasDictionary) return { buf, scanned };
    buf[pos++] = 0x12;
    pos = writeVarint(buf, pos, dictionarySize);
    scanned.dictionaryStart = pos;
    pos += this.mapped.bytes.copy(buf, pos, dictionary.start, dictionary.end);
    for (const field of unknownTables) pos += field.copy(buf, pos);
    scanned.dictionaryEnd = pos;
    return { buf, scanned };
  }

  /** Writes the resources to the front of `buf`, and to `rows` what a scan would find of them; returns their end. */
  private writeGroups(buf: Buffer, sizes: readonly GroupSizes[], rows: Int32Array): number {
    const { bytes } = this.mapped;
    let pos = 0;
    this.groups.forEach((group, i) => {
      buf[pos++] = 0x0a;
      pos = writeVarint(buf, pos, sizes[i].total);
      rows[4 * i] = pos;
      pos = writeGroup(buf, pos, group, sizes[i].scopes, bytes);
      rows[4 * i + 1] = pos;
      rows[4 * i + 2] = group.samples;
    });
    return pos;
  }
}

function headKey(part: { writeHead(writer: Writer): void }): string {
  head.reset();
  part.writeHead(head);
  return head.buf.latin1Slice(0, head.pos);
}

function scopeGroupOf(group: ResourceGroup, scope: { writeHead(writer: Writer): void }): ScopeGroup {
  const key = headKey(scope);
  let scopeGroup = group.byHead.get(key);
  if (!scopeGroup) {
    scopeGroup = { head: head.copyOut(), profiles: [], profileBytes: 0 };
    group.byHead.set(key, scopeGroup);
    group.scopes.push(scopeGroup);
  }
  return scopeGroup;
}

/** Content sizes of a resource and of its scopes. */
interface GroupSizes {
  readonly total: number;
  readonly scopes: readonly number[];
}

function measure(group: ResourceGroup): GroupSizes {
  const scopes = group.scopes.map((scope) => scope.head.length + scope.profileBytes);
  let total = group.head.length;
  for (const size of scopes) total += 1 + varintSize(size) + size;
  return { total, scopes };
}

function writeGroup(buf: Buffer, pos: number, group: ResourceGroup, sizes: readonly number[], bodies: Buffer): number {
  pos += group.head.copy(buf, pos);
  group.scopes.forEach((scope, i) => {
    buf[pos++] = 0x12;
    pos = writeVarint(buf, pos, sizes[i]);
    pos += scope.head.copy(buf, pos);
    for (let p = 0; p < scope.profiles.length; p += 2) {
      pos += bodies.copy(buf, pos, scope.profiles[p], scope.profiles[p + 1]);
    }
  });
  return pos;
}

/** One request out of several; `select` says which parts of a batch's profiles go in. */
export function buildRequest(batches: readonly SourceBatch[], select?: Selection): Built {
  const mapped = new MappedProfiles(batches);
  const builder = new Builder(mapped);
  for (const batch of batches) builder.add(batch, select);
  const built = builder.finish();
  mapped.release();
  return built;
}
