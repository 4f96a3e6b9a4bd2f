import { z } from "zod";
import type { Consumer } from "../../src/component/consumer.js";
import type { ConnectorFactory, ProcessorFactory, ReceiverFactory } from "../../src/component/factory.js";
import type { GraphConfig, PipelineConfig } from "../../src/graph/plan.js";
import { createTestComponents, type TestComponents } from "../support/test-components.js";

/** What the components of a graph were made of, and what became of them. */
export interface Parts extends TestComponents {
  readonly pass: ProcessorFactory;
  readonly join: ConnectorFactory;
  readonly config: GraphConfig;
  /** What each processor was given as its next, by creation. */
  readonly processorNexts: readonly Consumer[];
}

export interface PartOptions {
  readonly before?: Parameters<typeof createTestComponents>[0];
  readonly source?: Partial<ReceiverFactory>;
  /** Processors edit in place. */
  readonly passMutates?: boolean;
}

/**
 * Pipelines of "source…" receivers, "pass…" processors, "join…" connectors and "sink…" exporters, by id:
 * `{"profiles/a": ["source", "pass", "sink"]}`; a comma inside an item lists several of one role.
 */
export function createParts(pipelines: Record<string, readonly string[]>, options: PartOptions = {}): Parts {
  const test = createTestComponents(options.before);
  const processorNexts: Consumer[] = [];
  const base = { stability: "development", summary: "For tests.", signals: ["profiles"], schema: z.unknown() } as const;
  const through = (id: string, next: Consumer, mutates: boolean) => ({
    mutates,
    reserve: next.reserve,
    consume: (...args: Parameters<Consumer["consume"]>) => next.consume(...args),
    async start() {
      (test.life as string[]).push(`start ${id}`);
    },
    async shutdown() {
      (test.life as string[]).push(`shutdown ${id}`);
    },
  });
  const pass: ProcessorFactory = {
    ...base,
    kind: "processor",
    type: "pass",
    create({ id }, _config, next) {
      processorNexts.push(next);
      return through(id, next, options.passMutates ?? false);
    },
  };
  const join: ConnectorFactory = {
    ...base,
    kind: "connector",
    type: "join",
    create: ({ id }, _config, next) => through(id, next, false),
  };
  const source: ReceiverFactory = { ...test.source, ...options.source };
  return {
    ...test,
    source,
    pass,
    join,
    processorNexts,
    config: configOf(pipelines, { source, pass, join, sink: test.sink }),
  };
}

function configOf(
  pipelines: Record<string, readonly string[]>,
  factories: { source: unknown; pass: unknown; join: unknown; sink: unknown },
): GraphConfig {
  const tables = { source: new Map(), pass: new Map(), join: new Map(), sink: new Map() };
  const service = new Map<string, PipelineConfig>();
  for (const [id, items] of Object.entries(pipelines)) {
    const split = items.map((item) => item.split(","));
    const parts = { receivers: split[0], processors: split.slice(1, -1).flat(), exporters: split[split.length - 1] };
    service.set(id, parts);
    for (const name of split.flat()) {
      const type = name.split("/")[0] as keyof typeof tables;
      tables[type].set(name, { factory: factories[type], config: {} });
    }
  }
  return {
    receivers: tables.source,
    processors: tables.pass,
    exporters: tables.sink,
    connectors: tables.join,
    service: { pipelines: service },
  } as GraphConfig;
}
