import { TooLargeError } from "../../src/codec/invalid.js";
import { addPprof, type PprofOptions } from "../../src/codec/pprof-decode.js";
import { type PprofPayload, sealPprof } from "../../src/codec/pprof-payload.js";
import type { Consumer } from "../../src/component/consumer.js";
import { type Context, withContext } from "../../src/component/context.js";
import { badInput, Code, PipelineError, permanent } from "../../src/component/errors.js";
import type { HttpServerRequest } from "../../src/net/http-server.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder, type ScopeBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { type SealedResource, sealedProfiles } from "../../src/pdata/sealed.js";
import type { SeriesAttributes } from "./labels.js";

/** Where the profiles of one series go. */
export interface SeriesScope {
  readonly scope: ScopeBuilder;
  /** Attributes of each of its profiles. */
  readonly attributes: readonly KeyValue[];
}

/**
 * A batch made of the profiles of one request: all of them are good, or none goes further. As long as there are none but
 * ordinary pprofs they stay what they are; with the first other profile all are decoded.
 */
export class RequestBatch {
  readonly maxBytes: number;
  private readonly all: Series[] = [];
  private opened: ProfilesBuilder | undefined;
  private bytes = 0;

  /** `maxBytes`: what all profiles of the request may take, decompressed. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  series(attributes: SeriesAttributes): Series {
    const series = new Series(attributes, () => this.builder);
    if (this.opened) series.decodeInto(this.opened);
    this.all.push(series);
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

  /** Reads a pprof, gzip or plain, into the batch. */
  addPprof(series: Series, pprof: Buffer, options: PprofOptions = {}): void {
    const room = this.maxBytes - this.bytes;
    if (room <= 0) throw new TooLargeError(`pprof: the request's profiles take more than ${this.maxBytes} bytes`);
    const whole = { ...options, maxBytes: room, attributes: series.attributes, profileIdIsSpan: true };
    const payload = this.opened ? undefined : sealPprof(pprof, whole);
    if (payload) series.payloads.push(payload);
    this.bytes += (payload ?? addPprof(series.scope, pprof, whole)).byteSize;
  }

  /** Hands the batch on. One without any sample is refused: to answer "taken" would be a silent loss. */
  handOn(next: Consumer, ctx: Context): Promise<void> {
    const profiles = this.opened?.finish() ?? sealedProfiles(this.all.map((series) => series.sealed()));
    if (profiles.sampleCount === 0) throw badInput("there are no samples in the request");
    const taken = next.consume(profiles, ctx);
    // Who hasn't looked inside by now has put the batch into a queue, or waits: memory counts more than time there.
    for (const { payloads } of this.all) for (const payload of payloads) payload.forgetPlain();
    return taken.catch(asWhole);
  }
}

/** One series of a request. */
export class Series implements SeriesScope {
  readonly payloads: PprofPayload[] = [];
  private readonly all: SeriesAttributes;
  private readonly open: () => unknown;
  private opened: ScopeBuilder | undefined;

  /** `open` has `decodeInto` called. */
  constructor(attributes: SeriesAttributes, open: () => unknown) {
    this.all = attributes;
    this.open = open;
  }

  get attributes(): readonly KeyValue[] {
    return this.all.profile;
  }

  get scope(): ScopeBuilder {
    this.open();
    return this.opened as ScopeBuilder;
  }

  decodeInto(builder: ProfilesBuilder): void {
    this.opened = builder.resource(this.all.resource).scope();
    for (const payload of this.payloads) payload.decodeInto(this.opened);
  }

  sealed(): SealedResource {
    return { head: this.all.head, payloads: this.payloads };
  }
}

/** Pyroscope's protocols have no word for "in part"; what was lost is not passed over in silence. */
function asWhole(error: unknown): never {
  if (!(error instanceof PipelineError) || error.kind !== "partial") throw error;
  const message = `${error.rejectedSamples} samples were not taken, the others were: ${error.message}`;
  throw permanent(message, { code: Code.FAILED_PRECONDITION, reason: error.reason, cause: error });
}

const tenantHeader = "x-scope-orgid";

/** The tenant is kept beside the data also where the other headers are not. */
export function withTenant(request: HttpServerRequest, ctx: Context): Context {
  const tenant = request.headers[tenantHeader];
  if (typeof tenant !== "string" || ctx.metadata.has(tenantHeader)) return ctx;
  return withContext(ctx, { metadata: new Map([...ctx.metadata, [tenantHeader, [tenant]]]) });
}

/** What decoding threw, as an answer: 413 past a limit, 400 for what is broken. `where` is put in front. */
export function decodingError(error: unknown, where = ""): unknown {
  if (error instanceof TooLargeError) {
    const details = { code: Code.RESOURCE_EXHAUSTED, httpStatus: 413, reason: "too_large", cause: error };
    return permanent(where + error.message, details);
  }
  if (error instanceof InvalidProfilesError) return badInput(where + error.message, { cause: error });
  return error;
}
