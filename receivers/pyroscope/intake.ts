import { TooLargeError } from "../../src/codec/invalid.js";
import { PprofBatch, type Series } from "../../src/codec/pprof-batch.js";
import type { PprofOptions } from "../../src/codec/pprof-decode.js";
import type { Consumer } from "../../src/component/consumer.js";
import { type Context, withContext } from "../../src/component/context.js";
import { badInput, Code, PipelineError, permanent } from "../../src/component/errors.js";
import type { HttpServerRequest } from "../../src/net/http-server.js";
import { InvalidProfilesError } from "../../src/pdata/invalid.js";

/** The profiles of one request: all of them are good, or none goes further. */
export class RequestBatch extends PprofBatch {
  override addPprof(series: Series, pprof: Buffer, options: PprofOptions = {}): void {
    super.addPprof(series, pprof, { ...options, profileIdIsSpan: true });
  }

  /** Hands the batch on. One without any sample is refused: to answer "taken" would be a silent loss. */
  handOnTo(next: Consumer, ctx: Context): Promise<void> {
    return this.handOn((profiles) => {
      if (profiles.sampleCount === 0) throw badInput("there are no samples in the request");
      return next.consume(profiles, ctx).catch(asWhole);
    });
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
