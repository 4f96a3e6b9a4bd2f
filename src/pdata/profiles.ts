import { decodeKeyValue, encodeKeyValue } from "./any-value-codec.js";
import type { KeyValue } from "./any-value.js";
import { Dictionary } from "./dictionary.js";
import { copyFieldsExcept } from "./fields.js";
import { InvalidProfilesError } from "./invalid.js";
import { likelyLayouts } from "./layouts.js";
import { normalizeRequest } from "./normalize.js";
import { Profile } from "./profile.js";
import { pruneProfiles } from "./rebuild.js";
import { resolveAttributes } from "./references.js";
import { resourceReferences, type ScanResult, scanFault, scanRequest, scopeReferences } from "./scan.js";
import type { Layout } from "../proto/shapes.js";
import { LEN, Reader, varintSize, Writer, writeVarint } from "../proto/wire.js";

export { Profile } from "./profile.js";

/** A sample type or period type: what is counted, and in which unit. */
export interface ValueType {
  readonly type: string;
  readonly unit: string;
}

/** What belongs to the batch as a whole and is shared by all its views. */
export interface Batch {
  dictionary: Dictionary;
  /** Set once references or items were removed: entries nobody uses any more must not be sent. */
  needsPrune: boolean;
  /** True if attributes of resources or scopes came as references: their strings stand in string_table too. */
  readonly hadReferences: boolean;
  /** original_payload fields that went because their profile's samples or attributes changed. */
  droppedPayloads: number;
}

/** A field inside a message: [start, end) of its content, or absent (start -1). */
interface Span {
  start: number;
  end: number;
}

/** A batch of profiles: bytes as they arrived, views that decode on first touch, and the edits made so far. */
export class Profiles {
  /** The wire layout of the request this came from; older ones were translated. */
  readonly layout: Layout;
  private readonly buf: Buffer;
  private readonly scanned: ScanResult;
  private readonly batch: Batch;
  private views: ResourceProfiles[] | undefined;
  private edited = false;
  private samples: number;

  private constructor(buf: Buffer, scanned: ScanResult, layout: Layout, batch: Batch) {
    this.buf = buf;
    this.scanned = scanned;
    this.layout = layout;
    this.batch = batch;
    this.samples = scanned.sampleCount;
  }

  /** Scans an ExportProfilesServiceRequest, which is kept, not copied. Throws InvalidProfilesError with a reason. */
  static parse(bytes: Buffer): Profiles {
    const scanned = scanRequest(bytes, false);
    if (scanned) return Profiles.of(bytes, scanned, "1.10", false);
    return parseOdd(bytes);
  }

  /** A batch from bytes that a scan has passed. */
  static of(buf: Buffer, scanned: ScanResult, layout: Layout, hadReferences: boolean): Profiles {
    const start = Math.max(scanned.dictionaryStart, 0);
    const end = Math.max(scanned.dictionaryEnd, 0);
    const dictionary = new Dictionary(buf, start, end, scanned.counts);
    const batch: Batch = {
      dictionary,
      needsPrune: false,
      hadReferences: hadReferences || scanned.hasReferences,
      droppedPayloads: 0,
    };
    const profiles = new Profiles(buf, scanned, layout, batch);
    if (scanned.profileCount > 0 && scanned.counts.subarray(1).includes(0)) {
      dictionary.repair();
      profiles.edited = true;
    }
    if (scanned.hasReferences) profiles.resolveReferences();
    return profiles;
  }

  private resolveReferences(): void {
    const { resources } = this.scanned;
    this.ownResources().forEach((view, i) => view.resolveReferences(resources[4 * i + 3]));
  }

  get dictionary(): Dictionary {
    return this.batch.dictionary;
  }

  /** Views of the resources that are still in the batch. */
  get resources(): readonly ResourceProfiles[] {
    return this.ownResources();
  }

  private ownResources(): ResourceProfiles[] {
    if (!this.views) {
      const { resources, resourceCount } = this.scanned;
      this.views = new Array(resourceCount);
      for (let i = 0; i < resourceCount; i++) {
        this.views[i] = new ResourceProfiles(this.batch, this.buf, resources[4 * i], resources[4 * i + 1], resources[4 * i + 2]);
      }
    }
    return this.views;
  }

  /** Resources in the batch, without making views. */
  get resourceCount(): number {
    return this.views ? this.views.length : this.scanned.resourceCount;
  }

  /** Sample messages in all resources. */
  get sampleCount(): number {
    if (!this.views) return this.samples;
    let sum = 0;
    for (const view of this.views) sum += view.sampleCount;
    return sum;
  }

  /** Bytes of the request: exact for what arrived, close to it after edits. */
  get byteSize(): number {
    if (this.untouched) return this.buf.length;
    let sum = this.batch.dictionary.byteSize + 8;
    for (const view of this.ownResources()) sum += view.byteSize + 4;
    return sum;
  }

  /** Bytes of memory that this batch keeps alive, at least: what queues and limits should count. */
  get heldBytes(): number {
    return this.buf.length;
  }

  /** The newest profile end (time + duration) in unix nanoseconds, good to a microsecond; 0n if none. */
  get newestTimeUnixNano(): bigint {
    return BigInt(Math.round(this.scanned.newestNano));
  }

  /** original_payload fields that edits have removed so far. */
  get droppedPayloads(): number {
    return this.batch.droppedPayloads;
  }

  /** Keeps the resources for which `keep` is true; returns the number of samples dropped. */
  filterResources(keep: (resource: ResourceProfiles) => boolean): number {
    const before = this.sampleCount;
    const own = this.ownResources();
    const kept = own.filter(keep);
    if (kept.length === own.length) return 0;
    this.views = kept;
    this.edited = true;
    this.batch.needsPrune = true;
    return before - this.sampleCount;
  }

  /** A batch that can be edited on its own; it shares the received bytes. */
  copy(): Profiles {
    const { dictionary, needsPrune, hadReferences, droppedPayloads } = this.batch;
    const batch: Batch = { dictionary: dictionary.copy(), needsPrune, hadReferences, droppedPayloads };
    const copy = new Profiles(this.buf, this.scanned, this.layout, batch);
    copy.edited = this.edited;
    copy.views = this.views?.map((view) => view.copyInto(batch));
    return copy;
  }

  /** True if what would be sent is, byte for byte, what arrived. */
  get untouched(): boolean {
    return !this.edited && !this.batch.needsPrune && !this.views?.some((view) => view.dirty);
  }

  /** True if entries of the dictionary must not be sent because what used them was removed. */
  get needsPrune(): boolean {
    return this.batch.needsPrune;
  }

  /** True if the dictionary has fields that are no table. */
  get hasUnknownTables(): boolean {
    return this.scanned.hasUnknownTables;
  }

  /** Unknown top-level fields, tags included. */
  unknownFields(): Buffer[] {
    const { unknown } = this.scanned;
    const out: Buffer[] = [];
    for (let i = 0; i < unknown.length; i += 2) out.push(this.buf.subarray(unknown[i], unknown[i + 1]));
    return out;
  }

  /** The request as a list of buffers. Bytes removed by edits occur in none of them. */
  encode(): Buffer[] {
    if (this.untouched) return [this.buf];
    if (this.batch.needsPrune) return pruneProfiles(this).encode();
    return this.splice();
  }

  /** Resources that changed are written anew, everything else is copied or viewed as it is. */
  private splice(): Buffer[] {
    const views = this.ownResources();
    const { dictionary } = this.batch;
    const dictionarySize = dictionary.byteSize;
    let size = 6;
    const contents = views.map((view) => view.rewritten());
    views.forEach((view, i) => {
      size += (contents[i]?.length ?? view.byteSize) + 6;
    });
    const unknown = this.unknownFields();
    for (const field of unknown) size += field.length;
    const out = Buffer.allocUnsafeSlow(size);
    let pos = 0;
    views.forEach((view, i) => {
      out[pos++] = 0x0a;
      const content = contents[i];
      if (!content) pos = view.writeTo(out, pos);
      else {
        pos = writeVarint(out, pos, content.length);
        pos += content.copy(out, pos);
      }
    });
    for (const field of unknown) pos += field.copy(out, pos);
    if (dictionarySize === 0) return [out.subarray(0, pos)];
    out[pos++] = 0x12;
    pos = writeVarint(out, pos, dictionarySize);
    return [out.subarray(0, pos), ...dictionary.content()];
  }
}

/** The slow path of parse: odd but legal shapes and older layouts are rewritten, then scanned again. */
function parseOdd(bytes: Buffer): Profiles {
  let firstReason = "";
  for (const layout of likelyLayouts(bytes)) {
    try {
      let plain = normalizeRequest(bytes, layout);
      if (layout === "1.8") plain = normalizeRequest(plain, "1.10");
      const scanned = scanRequest(plain, true);
      if (scanned) return Profiles.of(plain, scanned, layout, true);
      firstReason ||= scanFault();
    } catch (caught) {
      if (!(caught instanceof InvalidProfilesError)) throw caught;
      firstReason ||= caught.message;
    }
  }
  throw new InvalidProfilesError(
    `${firstReason}; understood are OTLP profiles of protocol 1.10 and later, and of 1.9 and 1.8, which are translated`,
  );
}

/** One resource and what was profiled under it. */
export class ResourceProfiles {
  private readonly batch: Batch;
  private readonly buf: Buffer;
  private readonly start: number;
  private readonly end: number;
  private readonly scannedSamples: number;
  /** The Resource message; where it was edited, in a buffer of its own. */
  private resource: Span | undefined;
  private newResource: Buffer | undefined;
  private decoded: readonly KeyValue[] | undefined;
  private views: ScopeProfiles[] | undefined;
  private filtered = false;

  constructor(batch: Batch, buf: Buffer, start: number, end: number, samples: number) {
    this.batch = batch;
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.scannedSamples = samples;
  }

  /** Decoded on first touch. Never edit the returned list: make another and set it. */
  get attributes(): readonly KeyValue[] {
    if (!this.decoded) {
      const bytes = this.resourceBytes();
      this.decoded = decodeAttributes(new Reader(bytes, 0, bytes.length), 1);
    }
    return this.decoded;
  }

  setAttributes(attributes: readonly KeyValue[]): void {
    if (this.batch.hadReferences) this.batch.needsPrune = true;
    const writer = new Writer(64 + 48 * attributes.length);
    for (const attribute of attributes) writer.message(1, () => encodeKeyValue(writer, attribute));
    const bytes = this.resourceBytes();
    copyFieldsExcept(writer, bytes, 0, bytes.length, 1 << 1);
    this.newResource = writer.finish();
    this.decoded = attributes;
  }

  /** Content of the Resource message as it stands. */
  resourceBytes(): Buffer {
    if (this.newResource) return this.newResource;
    const span = this.findResource();
    return this.buf.subarray(span.start, span.end);
  }

  /** Puts a Resource message of exactly this content; its attributes are decoded anew on the next touch. */
  setResourceBytes(content: Buffer): void {
    if (this.batch.hadReferences) this.batch.needsPrune = true;
    this.newResource = content;
    this.decoded = undefined;
  }

  /** Puts plain strings where references stand; `flags` as the scan found them. */
  resolveReferences(flags: number): void {
    if (flags & resourceReferences) {
      const bytes = this.resourceBytes();
      this.newResource = resolveAttributes(bytes, 1, this.batch.dictionary);
    }
    if (flags & scopeReferences) for (const scope of this.ownScopes()) scope.resolveReferences();
  }

  private findResource(): Span {
    this.resource ??= findMessage(this.buf, this.start, this.end, 1);
    return this.resource;
  }

  get schemaUrl(): string {
    const span = findMessage(this.buf, this.start, this.end, 3);
    return span.start < 0 ? "" : this.buf.utf8Slice(span.start, span.end);
  }

  get sampleCount(): number {
    if (!this.views) return this.scannedSamples;
    let sum = 0;
    for (const view of this.views) sum += view.sampleCount;
    return sum;
  }

  get scopes(): readonly ScopeProfiles[] {
    return this.ownScopes();
  }

  private ownScopes(): ScopeProfiles[] {
    if (!this.views) {
      const views: ScopeProfiles[] = [];
      const reader = new Reader(this.buf, this.start, this.end);
      while (reader.next()) {
        if (reader.field === 2) {
          const message = reader.message();
          views.push(new ScopeProfiles(this.batch, this.buf, message.pos, message.end));
        } else reader.skip();
      }
      this.views = views;
    }
    return this.views;
  }

  /** Keeps the scopes for which `keep` is true; returns the number of samples dropped. */
  filterScopes(keep: (scope: ScopeProfiles) => boolean): number {
    const before = this.sampleCount;
    const own = this.ownScopes();
    const kept = own.filter(keep);
    if (kept.length === own.length) return 0;
    this.views = kept;
    this.filtered = true;
    this.batch.needsPrune = true;
    return before - this.sampleCount;
  }

  /** True if this resource must be written anew. */
  get dirty(): boolean {
    return this.newResource !== undefined || this.filtered || this.scopesDirty;
  }

  private get scopesDirty(): boolean {
    return this.views?.some((view) => view.dirty) ?? false;
  }

  /** Everything but the scopes, tags included: what decides whether two resources are equal. */
  writeHead(writer: Writer): void {
    if (!this.newResource) {
      copyFieldsExcept(writer, this.buf, this.start, this.end, 1 << 2);
      return;
    }
    writer.lengthDelimited(1, this.newResource);
    copyFieldsExcept(writer, this.buf, this.start, this.end, (1 << 1) | (1 << 2));
  }

  /** Bytes of the message as it stands, without its tag and length; close to it where scopes or profiles were edited. */
  get byteSize(): number {
    if (!this.dirty) return this.end - this.start;
    if (!this.filtered && !this.scopesDirty) return this.splicedSize();
    let sum = this.resourceBytes().length + 64;
    for (const scope of this.ownScopes()) sum += scope.byteSize + 4;
    return sum;
  }

  /** The whole content where scopes or profiles were edited; undefined where `writeTo` can splice. */
  rewritten(): Buffer | undefined {
    return this.filtered || this.scopesDirty ? this.rewrite() : undefined;
  }

  /** Writes length and content at `pos`; returns the position behind. `byteSize` + 5 bytes are enough room. */
  writeTo(out: Buffer, pos: number): number {
    const { buf, start, end } = this;
    if (!this.newResource) {
      pos = writeVarint(out, pos, end - start);
      return pos + buf.copy(out, pos, start, end);
    }
    const { span, tagStart } = this.resourceField();
    const resource = this.newResource as Buffer;
    pos = writeVarint(out, pos, this.splicedSize());
    pos += buf.copy(out, pos, start, tagStart);
    out[pos++] = 0x0a;
    pos = writeVarint(out, pos, resource.length);
    pos += resource.copy(out, pos);
    return pos + buf.copy(out, pos, span.end, end);
  }

  private splicedSize(): number {
    const { span, tagStart } = this.resourceField();
    const resource = this.newResource as Buffer;
    return tagStart - this.start + 1 + varintSize(resource.length) + resource.length + this.end - span.end;
  }

  /** The Resource field as a whole; where there is none, an empty place at the start. */
  private resourceField(): { span: Span; tagStart: number } {
    const span = this.findResource();
    if (span.start < this.start) return { span: { start: this.start, end: this.start }, tagStart: this.start };
    const reader = new Reader(this.buf, this.start, this.end);
    while (reader.next()) {
      if (reader.field === 1) break;
      reader.skip();
    }
    return { span, tagStart: reader.fieldStart };
  }

  private rewrite(): Buffer {
    const writer = new Writer(this.end - this.start + 64);
    this.writeHead(writer);
    for (const scope of this.ownScopes()) writer.lengthDelimited(2, scope.content());
    return writer.finish();
  }

  /** This view for a copied batch. */
  copyInto(batch: Batch): ResourceProfiles {
    const copy = new ResourceProfiles(batch, this.buf, this.start, this.end, this.scannedSamples);
    copy.resource = this.resource;
    copy.newResource = this.newResource;
    copy.decoded = this.decoded;
    copy.views = this.views?.map((view) => view.copyInto(batch));
    copy.filtered = this.filtered;
    return copy;
  }
}

/** One instrumentation scope and its profiles. */
export class ScopeProfiles {
  private readonly batch: Batch;
  private readonly buf: Buffer;
  private readonly start: number;
  private readonly end: number;
  private newScope: Buffer | undefined;
  private decoded: readonly KeyValue[] | undefined;
  private views: Profile[] | undefined;
  private filtered = false;

  constructor(batch: Batch, buf: Buffer, start: number, end: number) {
    this.batch = batch;
    this.buf = buf;
    this.start = start;
    this.end = end;
  }

  private scopeReader(): Reader {
    if (this.newScope) return new Reader(this.newScope, 0, this.newScope.length);
    const span = findMessage(this.buf, this.start, this.end, 1);
    return new Reader(this.buf, span.start, span.end);
  }

  resolveReferences(): void {
    const { buf, pos, end } = this.scopeReader();
    if (pos >= 0) this.newScope = resolveAttributes(buf.subarray(pos, end), 3, this.batch.dictionary);
  }

  private scopeString(field: number): string {
    const reader = this.scopeReader();
    let text = "";
    while (reader.next()) {
      if (reader.field === field) text = reader.string();
      else reader.skip();
    }
    return text;
  }

  get name(): string {
    return this.scopeString(1);
  }

  get version(): string {
    return this.scopeString(2);
  }

  get schemaUrl(): string {
    const span = findMessage(this.buf, this.start, this.end, 3);
    return span.start < 0 ? "" : this.buf.utf8Slice(span.start, span.end);
  }

  get attributes(): readonly KeyValue[] {
    this.decoded ??= decodeAttributes(this.scopeReader(), 3);
    return this.decoded;
  }

  setAttributes(attributes: readonly KeyValue[]): void {
    if (this.batch.hadReferences) this.batch.needsPrune = true;
    const reader = this.scopeReader();
    const writer = new Writer(reader.end - reader.pos + 48 * attributes.length + 64);
    copyFieldsExcept(writer, reader.buf, reader.pos, reader.end, 1 << 3);
    for (const attribute of attributes) writer.message(3, () => encodeKeyValue(writer, attribute));
    this.newScope = writer.finish();
    this.decoded = attributes;
  }

  get sampleCount(): number {
    let sum = 0;
    for (const profile of this.ownProfiles()) sum += profile.sampleCount;
    return sum;
  }

  get profiles(): readonly Profile[] {
    return this.ownProfiles();
  }

  private ownProfiles(): Profile[] {
    if (!this.views) {
      const views: Profile[] = [];
      const reader = new Reader(this.buf, this.start, this.end);
      while (reader.next()) {
        if (reader.field === 2) {
          const message = reader.message();
          views.push(new Profile(this.batch, this.buf, message.pos, message.end));
        } else reader.skip();
      }
      this.views = views;
    }
    return this.views;
  }

  /** Keeps the profiles for which `keep` is true; returns the number of samples dropped. */
  filterProfiles(keep: (profile: Profile) => boolean): number {
    const before = this.sampleCount;
    const own = this.ownProfiles();
    const kept = own.filter(keep);
    if (kept.length === own.length) return 0;
    this.views = kept;
    this.filtered = true;
    this.batch.needsPrune = true;
    return before - this.sampleCount;
  }

  /** About the bytes of the message as it stands. */
  get byteSize(): number {
    if (!this.views) return this.end - this.start;
    let sum = 128;
    for (const profile of this.views) sum += profile.end - profile.start + 4;
    return sum;
  }

  get dirty(): boolean {
    return this.newScope !== undefined || this.filtered || (this.views?.some((view) => view.dirty) ?? false);
  }

  /** Everything but the profiles, tags included. */
  writeHead(writer: Writer): void {
    if (!this.newScope) {
      copyFieldsExcept(writer, this.buf, this.start, this.end, 1 << 2);
      return;
    }
    writer.lengthDelimited(1, this.newScope);
    copyFieldsExcept(writer, this.buf, this.start, this.end, (1 << 1) | (1 << 2));
  }

  /** The message as it stands. */
  content(): Buffer {
    if (!this.dirty) return this.buf.subarray(this.start, this.end);
    const writer = new Writer(this.end - this.start + 64);
    this.writeHead(writer);
    for (const profile of this.ownProfiles()) writer.lengthDelimited(2, profile.buf, profile.start, profile.end);
    return writer.finish();
  }

  copyInto(batch: Batch): ScopeProfiles {
    const copy = new ScopeProfiles(batch, this.buf, this.start, this.end);
    copy.newScope = this.newScope;
    copy.decoded = this.decoded;
    copy.views = this.views?.map((view) => view.copyInto(batch));
    copy.filtered = this.filtered;
    return copy;
  }
}

/** Content of a singular length-delimited field, the last one given; start -1 where it is absent. */
function findMessage(buf: Buffer, start: number, end: number, field: number): Span {
  const span = { start: -1, end: -1 };
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field === field && reader.wireType === LEN) {
      const length = reader.length();
      span.start = reader.pos;
      span.end = reader.pos + length;
      reader.pos = span.end;
    } else reader.skip();
  }
  return span;
}

function decodeAttributes(reader: Reader, field: number): KeyValue[] {
  const out: KeyValue[] = [];
  while (reader.next()) {
    if (reader.field === field) out.push(decodeKeyValue(reader.message()));
    else reader.skip();
  }
  return out;
}

