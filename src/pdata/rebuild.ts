import { createHash } from "node:crypto";
import { Reader, VARINT, varintSize, Writer, writeVarint } from "../proto/wire.js";
import { copyField, DictionaryMapper, OutDictionary } from "./dictionary-mapper.js";
import { hotLocationsFirst } from "./hot-indices.js";
import type { Profile } from "./profile.js";
import type { Profiles } from "./profiles.js";
import type { ScanResult } from "./scan.js";
import { last, openLength, readVarint, span } from "./scan-primitives.js";
import { LOCATION, STACK, TABLES } from "./tables.js";

/** Part of a profile: the samples [from, to). */
export interface Slice {
  readonly from: number;
  readonly to: number;
}

/** A request that was built, and what a scan of it would find. */
export interface Built {
  readonly buf: Buffer;
  readonly scanned: ScanResult;
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
  /** [start, end) of its profiles in the builder's `bodies`, tags included. */
  readonly profiles: number[];
  profileBytes: number;
}

interface ResourceGroup {
  readonly head: Buffer;
  readonly scopes: ScopeGroup[];
  readonly byHead: Map<string, ScopeGroup>;
  samples: number;
}

/**
 * Builds one request with one dictionary out of (parts of) others. Equal resources and scopes are joined; a Profile
 * stays a Profile. The dictionary holds what is used and nothing else, each entry once.
 */
class Builder {
  private readonly dictionary = new OutDictionary();
  private readonly bodies = new Writer(1 << 16);
  private readonly head = new Writer(1024);
  private groups: ResourceGroup[] = [];
  private byHead = new Map<string, ResourceGroup>();
  private samples = 0;
  private profiles = 0;
  private newestNano = 0;
  private unknown: Buffer[] = [];

  reset(): void {
    this.dictionary.reset();
    if (this.bodies.buf.length > 1 << 22) this.bodies.buf = Buffer.allocUnsafeSlow(1 << 16);
    this.bodies.reset();
    this.groups = [];
    this.byHead = new Map();
    this.samples = 0;
    this.profiles = 0;
    this.newestNano = 0;
    this.unknown = [];
  }

  add(batch: Profiles, select: Selection | undefined): void {
    const mapper = new DictionaryMapper(batch.dictionary, this.dictionary);
    this.keepUnknown(batch);
    this.newestNano = Math.max(this.newestNano, Number(batch.newestTimeUnixNano));
    for (const resource of batch.resources) {
      let group: ResourceGroup | undefined;
      if (!select || (select.withEmpty && resource.scopes.length === 0)) group = this.resourceGroup(resource);
      for (const scope of resource.scopes) {
        let scopeGroup: ScopeGroup | undefined;
        if (!select || (select.withEmpty && scope.profiles.length === 0)) {
          group ??= this.resourceGroup(resource);
          scopeGroup = this.scopeGroup(group, scope);
        }
        for (const profile of scope.profiles) {
          const slice = select?.slice(profile);
          if (slice === null) continue;
          group ??= this.resourceGroup(resource);
          scopeGroup ??= this.scopeGroup(group, scope);
          const start = this.bodies.pos;
          group.samples += this.profile(profile, mapper, slice);
          scopeGroup.profiles.push(start, this.bodies.pos);
          scopeGroup.profileBytes += this.bodies.pos - start;
        }
      }
    }
  }

  private keepUnknown(batch: Profiles): void {
    for (const field of batch.unknownFields()) this.unknown.push(field);
    if (!batch.hasUnknownTables) return;
    for (const content of batch.dictionary.content()) {
      const reader = new Reader(content, 0, content.length);
      while (reader.next()) {
        const start = reader.fieldStart;
        reader.skip();
        if (reader.field > STACK) this.dictionary.unknown.raw(content, start, reader.pos);
      }
    }
  }

  private resourceGroup(resource: { writeHead(writer: Writer): void }): ResourceGroup {
    this.head.reset();
    resource.writeHead(this.head);
    const key = this.head.buf.latin1Slice(0, this.head.pos);
    let group = this.byHead.get(key);
    if (!group) {
      group = { head: this.head.copyOut(), scopes: [], byHead: new Map(), samples: 0 };
      this.byHead.set(key, group);
      this.groups.push(group);
    }
    return group;
  }

  private scopeGroup(group: ResourceGroup, scope: { writeHead(writer: Writer): void }): ScopeGroup {
    this.head.reset();
    scope.writeHead(this.head);
    const key = this.head.buf.latin1Slice(0, this.head.pos);
    let scopeGroup = group.byHead.get(key);
    if (!scopeGroup) {
      scopeGroup = { head: this.head.copyOut(), profiles: [], profileBytes: 0 };
      group.byHead.set(key, scopeGroup);
      group.scopes.push(scopeGroup);
    }
    return scopeGroup;
  }

  /** Writes one profile with mapped references; returns its samples. */
  private profile(profile: Profile, mapper: DictionaryMapper, slice: Slice | undefined): number {
    const out = this.bodies;
    const { buf } = profile;
    const reader = new Reader(buf, profile.start, profile.end);
    out.ensure(16);
    out.buf[out.pos++] = 0x12;
    const lengthAt = out.pos++;
    let number = 0;
    let written = 0;
    while (reader.next()) {
      switch (reader.field) {
        case 2: {
          const end = reader.length() + reader.pos;
          if (!slice || (number >= slice.from && number < slice.to)) {
            writeSample(out, buf, reader.pos, end, mapper);
            written++;
          }
          number++;
          reader.pos = end;
          break;
        }
        case 1:
        case 5:
          valueType(out, reader.field, reader.message(), mapper);
          break;
        case 7:
          profileId(out, reader.bytes(), slice);
          break;
        case 9:
        case 10:
          copyUnless(out, reader, slice !== undefined);
          break;
        case 11:
          attributeList(out, reader.message(), mapper);
          break;
        default:
          copyUnless(out, reader, false);
      }
    }
    out.closeLength(lengthAt);
    this.samples += written;
    this.profiles++;
    return written;
  }

  finish(): Built {
    const { dictionary, bodies } = this;
    hotLocationsFirst(dictionary.tables[STACK], dictionary.tables[LOCATION]);
    const sizes = this.groups.map(measure);
    let size = 0;
    for (const { total } of sizes) size += 1 + varintSize(total) + total;
    for (const field of this.unknown) size += field.length;
    const hasDictionary = this.profiles > 0 || dictionary.unknown.pos > 0;
    if (hasDictionary) size += 1 + varintSize(dictionary.byteSize) + dictionary.byteSize;
    const buf = Buffer.allocUnsafeSlow(size);
    const resources = new Int32Array(4 * this.groups.length);
    const unknown: number[] = [];
    let pos = 0;
    this.groups.forEach((group, i) => {
      buf[pos++] = 0x0a;
      pos = writeVarint(buf, pos, sizes[i].total);
      resources[4 * i] = pos;
      pos = writeGroup(buf, pos, group, sizes[i].scopes, bodies.buf);
      resources[4 * i + 1] = pos;
      resources[4 * i + 2] = group.samples;
    });
    for (const field of this.unknown) {
      unknown.push(pos, pos + field.length);
      pos += field.copy(buf, pos);
    }
    const scanned: ScanResult = {
      dictionaryStart: -1,
      dictionaryEnd: -1,
      counts: new Int32Array(8),
      resources,
      resourceCount: this.groups.length,
      sampleCount: this.samples,
      profileCount: this.profiles,
      unknown,
      newestNano: this.newestNano,
      hasUnknownTables: this.dictionary.unknown.pos > 0,
      hasReferences: false,
    };
    if (hasDictionary) this.writeDictionary(buf, pos, scanned);
    return { buf, scanned };
  }

  private writeDictionary(buf: Buffer, pos: number, scanned: ScanResult): void {
    const { dictionary } = this;
    buf[pos++] = 0x12;
    pos = writeVarint(buf, pos, dictionary.byteSize);
    scanned.dictionaryStart = pos;
    for (const table of TABLES) {
      const { out, count } = dictionary.tables[table];
      pos += out.buf.copy(buf, pos, 0, out.pos);
      scanned.counts[table] = count;
    }
    pos += dictionary.unknown.buf.copy(buf, pos, 0, dictionary.unknown.pos);
    scanned.dictionaryEnd = pos;
  }
}

/** Content sizes of a resource and of its scopes. */
function measure(group: ResourceGroup): { total: number; scopes: number[] } {
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
    for (let p = 0; p < scope.profiles.length; p += 2)
      pos += bodies.copy(buf, pos, scope.profiles[p], scope.profiles[p + 1]);
  });
  return pos;
}

function attributeList(out: Writer, list: Reader, mapper: DictionaryMapper): void {
  mapper.attributes(out, 0x5a, list.buf, list.pos, list.end);
}

function copyUnless(out: Writer, reader: Reader, leaveOut: boolean): void {
  const start = reader.fieldStart;
  reader.skip();
  if (!leaveOut) out.raw(reader.buf, start, reader.pos);
}

function valueType(out: Writer, field: number, reader: Reader, mapper: DictionaryMapper): void {
  out.message(field, () => {
    while (reader.next()) {
      if (reader.field <= 2) {
        out.tag(reader.field, VARINT);
        out.varint(mapper.string(reader.int32()));
      } else copyUnless(out, reader, false);
    }
  });
}

/** A whole profile keeps its id; a part gets one made of the id and its range, the same at every try. */
function profileId(out: Writer, id: Buffer, slice: Slice | undefined): void {
  if (!slice || id.every((byte) => byte === 0)) {
    out.lengthDelimited(7, id);
    return;
  }
  out.lengthDelimited(7, uuid5(id, `samples ${slice.from}-${slice.to}`));
}

/** UUID version 5 (SHA-1) of a name in a namespace. */
export function uuid5(namespace: Buffer, name: string): Buffer {
  const id = createHash("sha1").update(namespace).update(name).digest().subarray(0, 16);
  id[6] = (id[6] & 0x0f) | 0x50;
  id[8] = (id[8] & 0x3f) | 0x80;
  return id;
}

/** The hottest loop of merging: the Sample in [p, end) with its references mapped. */
function writeSample(out: Writer, buf: Buffer, p: number, end: number, mapper: DictionaryMapper): void {
  out.ensure(5 * (end - p) + 32);
  out.buf[out.pos++] = 0x12;
  const lengthAt = out.pos++;
  while (p < end) {
    switch (buf[p]) {
      case 0x08:
        p = readIndex(buf, p + 1, end);
        indexField(out, 0x08, mapper.stack(last.low));
        break;
      case 0x12: {
        const start = openLength(buf, p + 1, end);
        p = span.end;
        mapper.attributes(out, 0x12, buf, start, p);
        break;
      }
      case 0x18:
        p = readIndex(buf, p + 1, end);
        indexField(out, 0x18, mapper.link(last.low));
        break;
      default:
        p = copyField(out, buf, p, end);
    }
  }
  out.closeLength(lengthAt);
}

/** Reads an index into `last.low`. */
function readIndex(buf: Buffer, p: number, end: number): number {
  const byte = buf[p];
  if (byte > 0x7f) return readVarint(buf, p, end);
  last.low = byte;
  return p + 1;
}

function indexField(out: Writer, tag: number, index: number): void {
  out.buf[out.pos++] = tag;
  if (index < 0x80) out.buf[out.pos++] = index;
  else out.pos = writeVarint(out.buf, out.pos, index);
}

/** One builder serves all: building is synchronous, and its tables are large. */
const builder = new Builder();

/** One request out of several; `select` says which parts of a batch's profiles go in. */
export function buildRequest(batches: readonly Profiles[], select?: Selection): Built {
  builder.reset();
  for (const batch of batches) builder.add(batch, select);
  return builder.finish();
}
