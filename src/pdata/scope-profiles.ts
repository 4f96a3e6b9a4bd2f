import { Reader, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeKeyValue } from "./any-value-codec.js";
import type { Batch } from "./batch.js";
import { copyFieldsExcept } from "./fields.js";
import { decodeAttributes, findMessage } from "./messages.js";
import { Profile } from "./profile.js";
import { resolveAttributes } from "./references.js";

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
