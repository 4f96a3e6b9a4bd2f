import type { Consumer, Reservation } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import type { Profiles } from "../../src/pdata/profiles.js";

/** Takes everything. */
export const nopConsumer: Consumer = { mutates: false, reserve: () => undefined, async consume() {} };

/** Refuses everything with `error`. */
export function errConsumer(error: unknown): Consumer {
  return {
    mutates: false,
    reserve: () => undefined,
    async consume() {
      throw error;
    },
  };
}

export interface Taken {
  readonly profiles: Profiles;
  readonly ctx: Context;
}

/** Keeps everything. */
export interface SinkConsumer extends Consumer {
  readonly taken: readonly Taken[];
  /** Samples of all that was taken. */
  sampleCount(): number;
}

export interface SinkOptions {
  readonly mutates?: boolean;
  /** Called first; what it throws refuses the data. */
  readonly before?: (profiles: Profiles, ctx: Context) => Promise<void> | void;
  readonly reserve?: (profiles: Profiles) => Reservation | "full" | undefined;
}

export function createSink(options: SinkOptions = {}): SinkConsumer {
  const taken: Taken[] = [];
  return {
    taken,
    mutates: options.mutates ?? false,
    reserve: (profiles) => options.reserve?.(profiles),
    sampleCount: () => taken.reduce((sum, { profiles }) => sum + profiles.sampleCount, 0),
    async consume(profiles, ctx) {
      await options.before?.(profiles, ctx);
      taken.push({ profiles, ctx });
    },
  };
}
