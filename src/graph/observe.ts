import type { Consumer, Reservation } from "../component/consumer.js";
import { type Context, withContext } from "../component/context.js";
import { toPipelineError } from "../component/errors.js";
import type { Profiles } from "../pdata/profiles.js";
import type { Counter, Metrics } from "../telemetry/metrics.js";
import { startSpan } from "../telemetry/trace.js";

interface ReceiverCounts {
  readonly accepted: Counter;
  readonly refused: Counter;
}

/** The edge behind a receiver: counts what its pipelines took and refused, by transport, and opens the request's span. */
export function observeReceiver(next: Consumer, receiver: string, metrics: Metrics): Consumer {
  const byTransport = new Map<string, ReceiverCounts>();

  function countsFor(transport: string): ReceiverCounts {
    let counts = byTransport.get(transport);
    if (!counts) {
      const labels = { receiver, transport };
      counts = {
        accepted: metrics.counter(
          "otelcol_receiver_accepted_profile_samples",
          "Number of profile samples successfully pushed into the pipeline.",
          labels,
        ),
        refused: metrics.counter(
          "otelcol_receiver_refused_profile_samples",
          "Number of profile samples that could not be pushed into the pipeline.",
          labels,
        ),
      };
      byTransport.set(transport, counts);
    }
    return counts;
  }

  const spanName = `receiver/${receiver}/ProfilesReceived`;
  return {
    mutates: next.mutates,
    reserve: (profiles) => next.reserve(profiles),
    consume(profiles: Profiles, ctx: Context): Promise<void> {
      // Before handing on: afterwards the batch belongs to others.
      const samples = profiles.sampleCount;
      const transport = ctx.client?.transport ?? "";
      const counts = countsFor(transport);
      const span = startSpan(spanName, ctx.span, { receiver, transport });
      return handOver(next, profiles, span ? withContext(ctx, { span: span.context }) : ctx).then(
        () => {
          counts.accepted.add(samples);
          span?.end({ accepted_profile_samples: samples, refused_profile_samples: 0 });
        },
        (caught) => {
          const error = toPipelineError(caught);
          const refused = error.kind === "partial" ? Math.min(error.rejectedSamples, samples) : samples;
          counts.refused.add(refused);
          counts.accepted.add(samples - refused);
          span?.end({ accepted_profile_samples: samples - refused, refused_profile_samples: refused }, error);
          throw error;
        },
      );
    },
  };
}

/** What a consumer throws, who should reject, is counted too. */
function handOver(next: Consumer, profiles: Profiles, ctx: Context): Promise<void> {
  try {
    return next.consume(profiles, ctx);
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * The edge in front of a processor. `next` is where the processor hands its data to: the batch is edited on the way if
 * either of them edits it.
 */
export function observeIncoming(processor: Consumer, next: Consumer, id: string, metrics: Metrics): Consumer {
  const incoming = metrics.counter("otelcol_processor_incoming_items", "Number of items passed to the processor.", {
    processor: id,
    otel_signal: "profiles",
  });
  return countingEdge(processor, processor.mutates || next.mutates, incoming);
}

/** The edge behind a processor. */
export function observeOutgoing(next: Consumer, id: string, metrics: Metrics): Consumer {
  const outgoing = metrics.counter("otelcol_processor_outgoing_items", "Number of items emitted from the processor.", {
    processor: id,
    otel_signal: "profiles",
  });
  const joined = metrics.counter(
    "flamepipe_joined_samples_total",
    "Sample messages joined with others that had become equal; no value is lost.",
    { component: id },
  );
  const payloads = metrics.counter(
    "flamepipe_dropped_payloads_total",
    "Original payloads dropped because their profile's samples or attributes changed.",
    { component: id },
  );
  const edge = countingEdge(next, next.mutates, outgoing);
  return {
    mutates: edge.mutates,
    reserve: edge.reserve,
    consume(profiles, ctx) {
      if (profiles.joinedSamples > 0 || profiles.droppedPayloads > 0) {
        joined.add(profiles.joinedSamples);
        payloads.add(profiles.droppedPayloads);
        profiles.resetLosses();
      }
      return edge.consume(profiles, ctx);
    },
  };
}

function countingEdge(to: Consumer, mutates: boolean, counter: Counter): Consumer {
  return {
    mutates,
    reserve: (profiles: Profiles): Reservation | "full" | undefined => to.reserve(profiles),
    consume(profiles: Profiles, ctx: Context): Promise<void> {
      counter.add(profiles.sampleCount);
      return to.consume(profiles, ctx);
    },
  };
}
