import { LEN, varintSize, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { DictionaryBuilder } from "./dictionary-builder.js";
import type { WrittenDictionary } from "./open-dictionary.js";
import { Profiles } from "./profiles.js";
import { ResourceBuilder, resourceHead } from "./resource-builder.js";
import { type Built, emptyScan, type ScanResult } from "./scan.js";

export type { DictionaryBuilder, LineFields, LocationFields, MappingFields } from "./dictionary-builder.js";
export type { ProfileBuilder, ProfileFields } from "./profile-builder.js";
export { resourceHead } from "./resource-builder.js";
export type { ScopeBuilder } from "./scope-builder.js";

/**
 * Makes a batch from scratch, for codecs of formats other than OTLP. After a fault in its input a caller throws the builder
 * away as a whole.
 */
export class ProfilesBuilder extends DictionaryBuilder {
  private readonly resources: ResourceBuilder[] = [];
  private finished = false;

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
