import type { Consumer } from "../component/consumer.js";
import type { Context } from "../component/context.js";
import { badInput, PipelineError } from "../component/errors.js";
import type { Settings } from "../component/factory.js";
import { InvalidProfilesError } from "../pdata/invalid.js";
import { Profiles } from "../pdata/profiles.js";
import type { PartialSuccess } from "../proto/export-response.js";
import type { Counter } from "../telemetry/metrics.js";
import { type ByteBudget, createByteBudget } from "./byte-budget.js";

/** The method that senders of OTLP profiles call over gRPC. */
export const profilesGrpcPath = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

/** What both protocols do with a request once its bytes are there. */
export interface OtlpIntake {
  /**
   * Scans the request and hands it on; resolves when the next stage has answered. A part that was refused is a result,
   * any other failure a PipelineError. Throws at once what the scan refuses.
   */
  consume(body: Buffer, ctx: Context): Promise<PartialSuccess | undefined>;
  /** Room for requests being worked on: the servers that read bodies take it. */
  readonly budget: ByteBudget;
}

const currentLayout = "1.10";
/** Addresses whose old layout was logged; later ones are only counted. */
const maxLoggedAddresses = 1000;

export function createOtlpIntake(settings: Settings, maxInFlightBytes: number, next: Consumer): OtlpIntake {
  const budget = createByteBudget(maxInFlightBytes);
  const noteLayout = createLayoutNotes(settings);

  function parse(body: Buffer): Profiles {
    try {
      return Profiles.parse(body);
    } catch (error) {
      if (error instanceof InvalidProfilesError) throw badInput(error.message, { cause: error });
      throw error;
    }
  }

  // Not async: a frame that waits would keep the bytes alive until the next stage has answered.
  function consume(body: Buffer, ctx: Context): Promise<PartialSuccess | undefined> {
    const profiles = parse(body);
    if (profiles.resources.length === 0) return taken;
    if (profiles.layout !== currentLayout) noteLayout(profiles.layout, ctx);
    return next.consume(profiles, ctx).then(noPartial, partialOf);
  }

  return { budget, consume };
}

const taken: Promise<undefined> = Promise.resolve(undefined);
const noPartial = (): undefined => undefined;

function partialOf(error: unknown): PartialSuccess {
  if (!(error instanceof PipelineError) || error.kind !== "partial") throw error;
  return { rejectedProfiles: BigInt(error.rejectedSamples), errorMessage: error.message };
}

/** Counts requests in older layouts, and logs each client's first. */
function createLayoutNotes(settings: Settings): (layout: string, ctx: Context) => void {
  const seen = new Set<string>();
  const counters = new Map<string, Counter>();
  return (layout, ctx) => {
    let counter = counters.get(layout);
    if (!counter) {
      const help = "Requests in an older profiles layout, translated on receipt.";
      counter = settings.metrics.counter("flamepipe_translated_requests_total", help, { layout });
      counters.set(layout, counter);
    }
    counter.add(1);
    // The port differs with every connection.
    const host = (ctx.client?.address ?? "unknown").replace(/:\d+$/, "");
    if (seen.has(host) || seen.size >= maxLoggedAddresses) return;
    seen.add(host);
    settings.log.warn("A client sends profiles in an older layout; they are translated", {
      client: host,
      layout,
      current: currentLayout,
    });
  };
}
