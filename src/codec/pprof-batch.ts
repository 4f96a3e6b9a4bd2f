import type { KeyValue } from "../pdata/any-value.js";
import { ProfilesBuilder, resourceHead, type ScopeBuilder } from "../pdata/builder.js";
import type { PayloadScope } from "../pdata/payload.js";
import type { Profiles } from "../pdata/profiles.js";
import { type SealedResource, sealedProfiles } from "../pdata/sealed.js";
import { TooLargeError } from "./invalid.js";
import { addPprof, type PprofOptions } from "./pprof-decode.js";
import { type PprofPayload, sealPprof } from "./pprof-payload.js";

/** What OTLP calls the labels of profiles that came together. */
export class SeriesAttributes {
  readonly resource: readonly KeyValue[];
  /** Goes to each profile of the series. */
  readonly profile: readonly KeyValue[];
  private encoded: Buffer | undefined;

  constructor(resource: readonly KeyValue[], profile: readonly KeyValue[]) {
    this.resource = resource;
    this.profile = profile;
  }

  /** The resource as a message without profiles. */
  get head(): Buffer {
    this.encoded ??= resourceHead(this.resource);
    return this.encoded;
  }
}

/** Where the profiles of one series go. */
export interface SeriesScope {
  readonly scope: ScopeBuilder;
  /** Attributes of each of its profiles. */
  readonly attributes: readonly KeyValue[];
}

/**
 * A batch made of the pprofs of one request. As long as there are none but ordinary ones they stay what they are; with the
 * first other profile all are decoded. After a fault in one of them the batch is thrown away as a whole.
 */
export class PprofBatch {
  readonly maxBytes: number;
  private readonly named: PayloadScope | undefined;
  private all: Series[] = [];
  private opened: ProfilesBuilder | undefined;
  private bytes = 0;

  /** `maxBytes`: what all profiles of the batch may take, decompressed. Their scope has no name where none is given. */
  constructor(maxBytes: number, scope?: PayloadScope) {
    this.maxBytes = maxBytes;
    this.named = scope;
  }

  series(attributes: SeriesAttributes): Series {
    const series = new Series(attributes, this.named, () => this.builder);
    if (this.opened) series.decodeInto(this.opened);
    // A list that is pushed to has room for sixteen more, and most stay at one.
    if (this.all.length === 0) this.all = [series];
    else this.all.push(series);
    return series;
  }

  /** Where profiles of other formats go. */
  get builder(): ProfilesBuilder {
    if (!this.opened) {
      this.opened = new ProfilesBuilder();
      for (const series of this.all) series.decodeInto(this.opened);
    }
    return this.opened;
  }

  /** Decodes what has come and what will. */
  open(): void {
    void this.builder;
  }

  /** Reads a pprof, gzip or plain, into the batch. Throws as `addPprof` of pprof-decode.ts. */
  addPprof(series: Series, pprof: Buffer, options: PprofOptions = {}): void {
    const room = this.maxBytes - this.bytes;
    if (room <= 0) throw new TooLargeError(`pprof: the request's profiles take more than ${this.maxBytes} bytes`);
    const whole = { ...options, maxBytes: room, attributes: series.attributes };
    const payload = this.opened ? undefined : sealPprof(pprof, whole, this.named);
    if (payload) series.add(payload);
    this.bytes += (payload ?? addPprof(series.scope, pprof, whole)).byteSize;
  }

  /** Hands the whole to `take`: its first part, up to where it waits, may look inside at no cost. */
  handOn<T>(take: (profiles: Profiles) => Promise<T>): Promise<T> {
    const profiles = this.opened?.finish() ?? sealedProfiles(this.all.map((series) => series.sealed()));
    const taken = take(profiles);
    // Who hasn't looked inside by now has put the batch into a queue, or waits: memory counts more than time there.
    for (const { payloads } of this.all) for (const payload of payloads) payload.forgetPlain();
    return taken;
  }
}

/** One series of a batch. */
export class Series implements SeriesScope {
  private kept: PprofPayload[] = [];
  private readonly all: SeriesAttributes;
  private readonly named: PayloadScope | undefined;
  private readonly open: () => unknown;
  private opened: ScopeBuilder | undefined;

  /** `open` has `decodeInto` called. */
  constructor(attributes: SeriesAttributes, scope: PayloadScope | undefined, open: () => unknown) {
    this.all = attributes;
    this.named = scope;
    this.open = open;
  }

  get payloads(): readonly PprofPayload[] {
    return this.kept;
  }

  add(payload: PprofPayload): void {
    if (this.kept.length === 0) this.kept = [payload];
    else this.kept.push(payload);
  }

  get attributes(): readonly KeyValue[] {
    return this.all.profile;
  }

  get scope(): ScopeBuilder {
    this.open();
    return this.opened as ScopeBuilder;
  }

  decodeInto(builder: ProfilesBuilder): void {
    this.opened = builder.resource(this.all.resource).scope(this.named?.name, this.named?.version);
    for (const payload of this.payloads) payload.decodeInto(this.opened);
  }

  sealed(): SealedResource {
    return { head: this.all.head, payloads: this.payloads };
  }
}
