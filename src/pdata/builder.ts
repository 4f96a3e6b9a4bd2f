import { LEN, VARINT, varintSize, Writer, writeVarint } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeAnyValue, encodeKeyValue } from "./any-value-codec.js";
import { OpenDictionary, type WrittenDictionary } from "./open-dictionary.js";
import { ProfileBuilder, type ProfileFields } from "./profile-builder.js";
import { Profiles, type ValueType } from "./profiles.js";
import type { Built } from "./rebuild.js";
import type { ScanResult } from "./scan.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./tables.js";

export { ProfileBuilder, type ProfileFields } from "./profile-builder.js";

export interface MappingFields {
  readonly memoryStart?: bigint;
  readonly memoryLimit?: bigint;
  readonly fileOffset?: bigint;
  /** string_table index. */
  readonly filename?: number;
  /** attribute_table indices. */
  readonly attributes?: readonly number[];
}

export interface LineFields {
  /** function_table index. */
  readonly function: number;
  readonly line?: number;
  readonly column?: number;
}

export interface LocationFields {
  /** mapping_table index. */
  readonly mapping?: number;
  readonly address?: bigint;
  /** Innermost inlined function first. */
  readonly lines?: readonly LineFields[];
  /** attribute_table indices. */
  readonly attributes?: readonly number[];
}

const noBytes = Buffer.alloc(0);
/** A Resource message without content. */
const emptyResource = Buffer.from([0x0a, 0x00]);

/** Entries are written one at a time: one set of buffers serves all builders. */
const scratch = { entry: new Writer(1024), line: new Writer(64) };

/**
 * Makes a batch from scratch, for codecs of formats other than OTLP. Dictionary entries are interned by content: equal
 * content gives the same index, and every table begins with its zero entry. After a fault in its input a caller throws
 * the builder away as a whole.
 */
export class ProfilesBuilder {
  /** For who adds entries in the memory where they will stand. */
  readonly dictionary = new OpenDictionary();
  private readonly scratch = scratch.entry;
  private readonly line = scratch.line;
  private readonly resources: ResourceBuilder[] = [];
  private finished = false;

  /** Bytes of the dictionary so far. */
  get dictionaryBytes(): number {
    return this.dictionary.byteSize;
  }

  string(text: string): number {
    return this.dictionary.string(text);
  }

  /** A string from its bytes [start, end), which the caller knows to be UTF-8. */
  stringBytes(source: Buffer, start: number, end: number): number {
    return this.entry(STRING, source, start, end);
  }

  /** Index of the entry of this table (src/pdata/tables.ts) whose encoded content is [start, end) of `source`. */
  entry(table: number, source: Buffer, start: number, end: number): number {
    return this.dictionary.entry(table, source, start, end);
  }

  /** Names are string_table indices. */
  function(name: number, systemName = 0, filename = 0, startLine = 0): number {
    const out = this.begin();
    unsigned(out, 0x08, name);
    unsigned(out, 0x10, systemName);
    unsigned(out, 0x18, filename);
    integer(out, 0x20, startLine);
    return this.intern(FUNCTION, out);
  }

  mapping(fields: MappingFields): number {
    const out = this.begin();
    unsigned64(out, 1, fields.memoryStart);
    unsigned64(out, 2, fields.memoryLimit);
    unsigned64(out, 3, fields.fileOffset);
    unsigned(out, 0x20, fields.filename ?? 0);
    indices(out, 5, fields.attributes);
    return this.intern(MAPPING, out);
  }

  location(fields: LocationFields): number {
    const out = this.begin();
    unsigned(out, 0x08, fields.mapping ?? 0);
    unsigned64(out, 2, fields.address);
    for (const each of fields.lines ?? []) {
      const { line } = this;
      line.reset();
      unsigned(line, 0x08, each.function);
      integer(line, 0x10, each.line ?? 0);
      integer(line, 0x18, each.column ?? 0);
      out.lengthDelimited(3, line.buf, 0, line.pos);
    }
    indices(out, 4, fields.attributes);
    return this.intern(LOCATION, out);
  }

  /** location_table indices, leaf first. The empty stack is 0. */
  stack(locations: ArrayLike<number>): number {
    if (locations.length === 0) return 0;
    const out = this.begin();
    indices(out, 1, locations);
    return this.intern(STACK, out);
  }

  attribute(attribute: KeyValue): number {
    const key = this.string(attribute.key);
    const unit = this.string(attribute.unit);
    const out = this.begin();
    unsigned(out, 0x08, key);
    out.tag(2, LEN);
    const start = out.pos;
    out.varint(0);
    encodeAnyValue(out, attribute.value);
    out.closeLength(start);
    unsigned(out, 0x18, unit);
    return this.intern(ATTRIBUTE, out);
  }

  /** 16 and 8 bytes. */
  link(traceId: Buffer, spanId: Buffer): number {
    const out = this.begin();
    out.lengthDelimited(1, traceId);
    out.lengthDelimited(2, spanId);
    return this.intern(LINK, out);
  }

  private begin(): Writer {
    this.scratch.reset();
    return this.scratch;
  }

  private intern(table: number, content: Writer): number {
    return this.entry(table, content.buf, 0, content.pos);
  }

  resource(attributes: readonly KeyValue[], schemaUrl = ""): ResourceBuilder {
    return this.add(resourceHead(attributes, schemaUrl));
  }

  /** A resource from the content of its Resource message. */
  resourceOf(content: Buffer): ResourceBuilder {
    const head = new Writer(content.length + 8);
    head.lengthDelimited(1, content);
    return this.add(head.finish());
  }

  private add(head: Buffer): ResourceBuilder {
    const resource = new ResourceBuilder(this, head);
    this.resources.push(resource);
    return resource;
  }

  /** The batch. The builder ends with it. */
  finish(): Profiles {
    return Profiles.built(this.build());
  }

  /** As `finish`, for who makes the batch. */
  build(): Built {
    if (this.finished) throw new Error("a builder finishes once");
    this.finished = true;
    const contents = this.resources.map((resource) => resource.measure());
    let size = 0;
    let profileCount = 0;
    for (const { bytes } of contents) size += 1 + varintSize(bytes) + bytes;
    for (const resource of this.resources) profileCount += resource.profileCount;
    const dictionary = profileCount > 0 ? this.dictionary.write() : undefined;
    const dictionaryBytes = dictionary ? dictionary.end - dictionary.start : 0;
    if (dictionary) size += 1 + varintSize(dictionaryBytes) + dictionaryBytes;
    const scanned = emptyScan(this.resources.length, profileCount);
    const out = new Writer(Math.max(size, 1));
    for (const [i, resource] of this.resources.entries()) resource.write(out, contents[i], scanned, i);
    if (dictionary) writeDictionary(out, dictionary, scanned);
    for (const resource of this.resources) resource.release();
    this.dictionary.release();
    return { buf: out.finish(), scanned };
  }

  /** Gives back what was built so far. The builder ends with it. */
  discard(): void {
    if (this.finished) return;
    this.finished = true;
    for (const resource of this.resources) resource.release();
    this.dictionary.release();
  }
}

function writeDictionary(out: Writer, { bytes, start, end, counts }: WrittenDictionary, scanned: ScanResult): void {
  out.tag(2, LEN);
  out.varint(end - start);
  scanned.dictionaryStart = out.pos;
  out.raw(bytes, start, end);
  scanned.counts = counts;
  scanned.dictionaryEnd = out.pos;
}

/** What a scan finds in a request of these numbers, before it has found it. */
export function emptyScan(
  resourceCount: number,
  profileCount: number,
  counts: Int32Array = new Int32Array(8),
): ScanResult {
  return {
    dictionaryStart: -1,
    dictionaryEnd: -1,
    counts,
    resources: new Int32Array(4 * resourceCount),
    resourceCount,
    sampleCount: 0,
    profileCount,
    unknown: [],
    newestNano: 0,
    hasUnknownTables: false,
    hasReferences: false,
  };
}

/** Encoded sizes of a resource, of its scopes, and of their profiles. */
interface Sizes {
  readonly bytes: number;
  readonly parts: readonly Sizes[];
}

function sizesOf(head: number, parts: readonly Sizes[]): Sizes {
  let bytes = head;
  for (const part of parts) bytes += 1 + varintSize(part.bytes) + part.bytes;
  return { bytes, parts };
}

/** A ResourceProfiles message without its profiles. */
export function resourceHead(attributes: readonly KeyValue[], schemaUrl = ""): Buffer {
  if (attributes.length === 0 && schemaUrl === "") return emptyResource;
  const head = new Writer(64 + 48 * attributes.length);
  head.message(1, () => {
    for (const attribute of attributes) head.message(1, () => encodeKeyValue(head, attribute));
  });
  if (schemaUrl !== "") head.string(3, schemaUrl);
  return head.finish();
}

/** One resource of a batch being built. */
export class ResourceBuilder {
  private readonly builder: ProfilesBuilder;
  private readonly head: Buffer;
  private readonly scopes: ScopeBuilder[] = [];

  constructor(builder: ProfilesBuilder, head: Buffer) {
    this.builder = builder;
    this.head = head;
  }

  scope(name = "", version = "", attributes: readonly KeyValue[] = []): ScopeBuilder {
    const scope = new ScopeBuilder(this.builder, name, version, attributes);
    this.scopes.push(scope);
    return scope;
  }

  release(): void {
    for (const scope of this.scopes) for (const profile of scope.profiles) profile.release();
  }

  get profileCount(): number {
    return this.scopes.reduce((sum, scope) => sum + scope.profiles.length, 0);
  }

  measure(): Sizes {
    return sizesOf(
      this.head.length,
      this.scopes.map((scope) => scope.measure()),
    );
  }

  write(out: Writer, sizes: Sizes, scanned: ScanResult, index: number): void {
    out.tag(1, LEN);
    out.varint(sizes.bytes);
    scanned.resources[4 * index] = out.pos;
    out.raw(this.head, 0, this.head.length);
    const before = scanned.sampleCount;
    for (const [i, scope] of this.scopes.entries()) scope.write(out, sizes.parts[i], scanned);
    scanned.resources[4 * index + 1] = out.pos;
    scanned.resources[4 * index + 2] = scanned.sampleCount - before;
  }
}

/** One scope of a batch being built. */
export class ScopeBuilder {
  readonly builder: ProfilesBuilder;
  readonly profiles: ProfileBuilder[] = [];
  private readonly head: Buffer;

  constructor(builder: ProfilesBuilder, name: string, version: string, attributes: readonly KeyValue[]) {
    this.builder = builder;
    if (name === "" && version === "" && attributes.length === 0) {
      this.head = noBytes;
      return;
    }
    const head = new Writer(64);
    head.message(1, () => {
      if (name !== "") head.string(1, name);
      if (version !== "") head.string(2, version);
      for (const attribute of attributes) head.message(3, () => encodeKeyValue(head, attribute));
    });
    this.head = head.finish();
  }

  /** One profile per sample type, with the same fields besides. */
  profilesOf(sampleTypes: readonly ValueType[], fields: Omit<ProfileFields, "sampleType">): ProfileBuilder[] {
    const profiles: ProfileBuilder[] = [];
    for (const sampleType of sampleTypes) {
      profiles.push(new ProfileBuilder(this.builder, { ...fields, sampleType }, 256, profiles[0]));
    }
    this.profiles.push(...profiles);
    return profiles;
  }

  /** `sampleBytes`: bytes of samples to make room for at once. */
  profile(fields: ProfileFields, sampleBytes = 256): ProfileBuilder {
    const profile = new ProfileBuilder(this.builder, fields, sampleBytes);
    this.profiles.push(profile);
    return profile;
  }

  measure(): Sizes {
    return sizesOf(
      this.head.length,
      this.profiles.map((profile) => ({ bytes: profile.byteSize, parts: [] })),
    );
  }

  write(out: Writer, sizes: Sizes, scanned: ScanResult): void {
    out.tag(2, LEN);
    out.varint(sizes.bytes);
    out.raw(this.head, 0, this.head.length);
    for (const profile of this.profiles) {
      out.tag(2, LEN);
      out.varint(profile.byteSize);
      profile.write(out);
      scanned.sampleCount += profile.sampleCount;
      scanned.newestNano = Math.max(scanned.newestNano, profile.endNano);
    }
  }
}

function unsigned(out: Writer, tag: number, value: number): void {
  if (value === 0) return;
  out.ensure(6);
  out.buf[out.pos++] = tag;
  out.pos = writeVarint(out.buf, out.pos, value);
}

/** A whole number that may be negative or past 32 bits. */
function integer(out: Writer, tag: number, value: number): void {
  if (value >= 0 && value <= 0x7fffffff) {
    unsigned(out, tag, value);
    return;
  }
  out.varint(tag);
  out.varint64(BigInt(Math.trunc(value)));
}

function unsigned64(out: Writer, field: number, value: bigint | undefined): void {
  if (value === undefined || value === 0n) return;
  out.tag(field, VARINT);
  out.varint64(value);
}

function indices(out: Writer, field: number, list: ArrayLike<number> | undefined): void {
  if (!list || list.length === 0) return;
  out.ensure(5 * list.length + 12);
  out.tag(field, LEN);
  const start = out.pos;
  out.varint(0);
  for (let i = 0; i < list.length; i++) out.pos = writeVarint(out.buf, out.pos, list[i]);
  out.closeLength(start);
}
