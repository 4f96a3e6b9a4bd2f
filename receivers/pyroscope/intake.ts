import { TooLargeError } from "../../src/codec/invalid.js";
import { addPprof, type PprofOptions, type PprofSummary } from "../../src/codec/pprof-decode.js";
import type { Consumer } from "../../src/component/consumer.js";
import { type Context, withContext } from "../../src/component/context.js";
import { badInput, Code, PipelineError, permanent } from "../../src/component/errors.js";
import type { HttpServerRequest } from "../../src/net/http-server.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import { ProfilesBuilder, type ScopeBuilder } from "../../src/pdata/builder.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import type { SeriesAttributes } from "./labels.js";

/** Where the profiles of one series go. */
export interface SeriesScope {
  readonly scope: ScopeBuilder;
  /** Attributes of each of its profiles. */
  readonly attributes: readonly KeyValue[];
}

/** A batch made of the profiles of one request: all of them are good, or none goes further. */
export class RequestBatch {
  readonly maxBytes: number;
  readonly builder = new ProfilesBuilder();
  private bytes = 0;

  /** `maxBytes`: what all profiles of the request may take, decompressed. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  series(attributes: SeriesAttributes): SeriesScope {
    return { scope: this.builder.resource(attributes.resource).scope(), attributes: attributes.profile };
  }

  /** Reads a pprof, gzip or plain, into the batch. */
  addPprof(series: SeriesScope, pprof: Buffer, options: PprofOptions = {}): PprofSummary {
    const room = this.maxBytes - this.bytes;
    if (room <= 0) throw new TooLargeError(`pprof: the request's profiles take more than ${this.maxBytes} bytes`);
    const summary = addPprof(series.scope, pprof, {
      ...options,
      maxBytes: room,
      attributes: series.attributes,
      profileIdIsSpan: true,
    });
    this.bytes += summary.byteSize;
    return summary;
  }

  /** Hands the batch on. One without any sample is refused: to answer "taken" would be a silent loss. */
  handOn(next: Consumer, ctx: Context): Promise<void> {
    const profiles = this.builder.finish();
    if (profiles.sampleCount === 0) throw badInput("there are no samples in the request");
    return next.consume(profiles, ctx).catch(asWhole);
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
