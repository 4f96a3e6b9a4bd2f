import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import { permanent, retryable } from "../../src/component/errors.js";
import type { ExporterFactory, ReceiverFactory } from "../../src/component/factory.js";
import { type AnyValue, type KeyValue, stringValue } from "../../src/pdata/any-value.js";
import { Profiles } from "../../src/pdata/profiles.js";

/** What an exporter `test_out` was given. */
export class Arrived {
  readonly requests: Buffer[] = [];
  readonly contexts: Context[] = [];

  get batches(): Profiles[] {
    return this.requests.map((bytes) => Profiles.parse(bytes));
  }

  get samples(): number {
    return this.batches.reduce((sum, batch) => sum + batch.sampleCount, 0);
  }
}

/** The ends of a pipeline under test: a receiver `test_in` that the test feeds, an exporter `test_out` that keeps. */
export interface Ends {
  readonly receiver: ReceiverFactory<object>;
  readonly exporter: ExporterFactory<OutConfig>;
  /** What stands behind each `test_in`, by id. */
  readonly into: ReadonlyMap<string, Consumer>;
  /** What reached each `test_out`, by id. */
  readonly arrived: ReadonlyMap<string, Arrived>;
}

const outSchema = z.strictObject({
  answer: z.enum(["taken", "permanent", "retryable"]).default("taken").describe("What it says to its sender."),
  full: z.boolean().default(false).describe("It has no room."),
});

type OutConfig = z.output<typeof outSchema>;

const stable = { stability: "stable", signals: ["profiles"] } as const;

export function createEnds(): Ends {
  const into = new Map<string, Consumer>();
  const arrived = new Map<string, Arrived>();
  const life = { start: async () => {}, shutdown: async () => {} };
  return {
    into,
    arrived,
    receiver: {
      ...stable,
      kind: "receiver",
      type: "test_in",
      summary: "Feeds a pipeline under test.",
      schema: z.strictObject({}),
      create(settings, _config, next) {
        into.set(settings.id, next);
        return life;
      },
    },
    exporter: {
      ...stable,
      kind: "exporter",
      type: "test_out",
      summary: "Keeps what reached it.",
      schema: outSchema,
      create(settings, config) {
        const kept = new Arrived();
        arrived.set(settings.id, kept);
        return {
          ...life,
          mutates: false,
          reserve: () => (config.full ? "full" : undefined),
          async consume(profiles, ctx) {
            if (config.full) throw retryable("sending queue is full");
            if (config.answer === "permanent") throw permanent("never", { httpStatus: 422 });
            if (config.answer === "retryable") throw retryable("try later", { retryAfterMs: 1000 });
            kept.requests.push(Buffer.concat(profiles.encode()));
            kept.contexts.push(ctx);
          },
        };
      },
    },
  };
}

export function recorded(file: string): Profiles {
  return Profiles.parse(readFileSync(join("test", "fixtures", file)));
}

/** An attribute value as text, for expectations in YAML. */
export function textOf({ value, type }: AnyValue): string {
  if (type === "array") return `[${value.map(textOf).join(",")}]`;
  if (type === "map") return `{${value.map((entry) => `${entry.key}:${textOf(entry.value)}`).join(",")}}`;
  if (type === "bytes") return Buffer.from(value).toString("hex");
  return String(value);
}

/** Distinct values of `key` in lists of attributes, sorted; "(none)" where a list lacks it. */
export function distinct(lists: readonly (readonly KeyValue[])[], key: string): string[] {
  const values = lists.map((list) => list.find((entry) => entry.key === key)?.value ?? stringValue("(none)"));
  return [...new Set(values.map(textOf))].sort();
}
