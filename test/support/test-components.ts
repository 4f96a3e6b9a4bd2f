import { z } from "zod";
import type { Consumer } from "../../src/component/consumer.js";
import { background, type Context } from "../../src/component/context.js";
import type { ExporterFactory, ReceiverFactory } from "../../src/component/factory.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { createSink, type SinkConsumer } from "./consumers.js";

/** A receiver `source` that tests speak through, and an exporter `sink` that keeps what arrives; by id. */
export interface TestComponents {
  readonly source: ReceiverFactory;
  readonly sink: ExporterFactory;
  readonly sinks: ReadonlyMap<string, SinkConsumer>;
  /** Starts and shutdowns in the order in which they came: "start sink", "shutdown source". */
  readonly life: readonly string[];
  /** Hands `profiles` to the pipelines of the receiver `id`, as if a client had sent them. */
  send(profiles: Profiles, id?: string, ctx?: Context): Promise<void>;
}

/** `before` is asked by every sink, with its id, before it takes anything; what it throws refuses the data. */
export function createTestComponents(
  before: (id: string, profiles: Profiles) => Promise<void> | void = () => {},
): TestComponents {
  const nexts = new Map<string, Consumer>();
  const sinks = new Map<string, SinkConsumer>();
  const life: string[] = [];
  const lifecycle = (id: string) => ({
    async start() {
      life.push(`start ${id}`);
    },
    async shutdown() {
      life.push(`shutdown ${id}`);
    },
  });
  return {
    sinks,
    life,
    source: {
      kind: "receiver",
      type: "source",
      stability: "development",
      summary: "Speaks for a test.",
      signals: ["profiles"],
      schema: z.strictObject({}),
      create({ id }, _config, next) {
        nexts.set(id, next);
        return lifecycle(id);
      },
    },
    sink: {
      kind: "exporter",
      type: "sink",
      stability: "development",
      summary: "Keeps what arrives, for a test.",
      signals: ["profiles"],
      schema: z.strictObject({ mutates: z.boolean().default(false).describe("What it says of itself.") }),
      create({ id }, config) {
        const { mutates } = config as { mutates: boolean };
        const sink = createSink({ mutates, before: (profiles) => before(id, profiles) });
        sinks.set(id, sink);
        return { ...sink, ...lifecycle(id) };
      },
    },
    async send(profiles, id = "source", ctx = background) {
      const next = nexts.get(id);
      if (!next) throw new Error(`no receiver "${id}" was built`);
      await next.consume(profiles, ctx);
    },
  };
}
