import { Reader, varintSize, Writer, writeVarint } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeKeyValue } from "./any-value-codec.js";
import type { Batch } from "./batch.js";
import { copyFieldsExcept } from "./fields.js";
import { decodeAttributes, findMessage, type Span } from "./messages.js";
import type { Payload } from "./payload.js";
import { resolveAttributes } from "./references.js";
import { resourceReferences, scopeReferences } from "./scan.js";
import { ScopeProfiles } from "./scope-profiles.js";

/** One resource and what was profiled under it. */
export class ResourceProfiles {
  private readonly batch: Batch;
  private buf: Buffer;
  private start: number;
  private end: number;
  private readonly scannedSamples: number;
  /** The Resource message; where it was edited, in a buffer of its own. */
  private resource: Span | undefined;
  private newResource: Buffer | undefined;
  private decoded: readonly KeyValue[] | undefined;
  private views: ScopeProfiles[] | undefined;
  private filtered = false;
  /** What its profiles came as, where that says as much as they do. */
  private sources: readonly Payload[] | undefined;

  constructor(
    batch: Batch,
    buf: Buffer,
    start: number,
    end: number,
    samples: number,
    payloads: readonly Payload[] | undefined = undefined,
  ) {
    this.batch = batch;
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.scannedSamples = samples;
    this.sources = payloads;
  }

  /** The payloads that this resource's profiles are, nothing below the resource having been edited; else undefined. */
  get payloads(): readonly Payload[] | undefined {
    return this.sources && !this.filtered && !this.scopesDirty ? this.sources : undefined;
  }

  /** The payloads no longer say what the profiles say. */
  dropPayloads(): void {
    this.sources = undefined;
  }

  /** The resource was written anew, its payloads decoded: [start, end) of `buf`. */
  moveTo(buf: Buffer, start: number, end: number): void {
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.resource = undefined;
    this.newResource = undefined;
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
      this.batch.unseal?.();
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
    copy.sources = this.sources;
    return copy;
  }
}
