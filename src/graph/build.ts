import type { Consumer } from "../component/consumer.js";
import type { Component, Exporter, Kind, Processor, Settings } from "../component/factory.js";
import type { Logger } from "../telemetry/log.js";
import type { Metrics } from "../telemetry/metrics.js";
import { createFanOut } from "./fan-out.js";
import { createLifecycle, type Lifecycle, type Node } from "./lifecycle.js";
import { observeIncoming, observeOutgoing, observeReceiver } from "./observe.js";
import {
  type Configured,
  type GraphConfig,
  GraphError,
  orderPipelines,
  type PipelineConfig,
  receivingFrom,
} from "./plan.js";

/** What every component of a graph is given. */
export interface GraphSettings {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly build: Settings["build"];
}

/** Where a pipeline begins, and how many stages follow (its own first one included). */
interface Entry {
  readonly consumer: Consumer;
  readonly stage: number;
}

interface Builder {
  readonly config: GraphConfig;
  readonly settings: GraphSettings;
  readonly nodes: Node[];
  readonly exporters: Map<string, Entry>;
  readonly pipelines: Map<string, Entry>;
}

/**
 * All components of the configured pipelines, made and joined; nothing is started. Throws GraphError. Receivers,
 * exporters and connectors are one instance per id; processors are one per pipeline.
 */
export function buildGraph(config: GraphConfig, settings: GraphSettings): Lifecycle {
  const builder: Builder = { config, settings, nodes: [], exporters: new Map(), pipelines: new Map() };
  for (const id of orderPipelines(config)) {
    builder.pipelines.set(id, buildPipeline(builder, id, config.service.pipelines.get(id) as PipelineConfig));
  }
  buildReceivers(builder);
  return createLifecycle(builder.nodes, settings.log);
}

function buildPipeline(builder: Builder, id: string, parts: PipelineConfig): Entry {
  const { metrics } = builder.settings;
  const exporters = parts.exporters.map((exporter, i) =>
    exporterEntry(builder, exporter, ["service", "pipelines", id, "exporters", i]),
  );
  let next = createFanOut(exporters.map((entry) => entry.consumer));
  let stage = Math.max(...exporters.map((entry) => entry.stage));
  for (let i = parts.processors.length - 1; i >= 0; i--) {
    const name = parts.processors[i];
    const found = configured(builder.config.processors, name, ["service", "pipelines", id, "processors", i]);
    const out = observeOutgoing(next, name, metrics);
    const processor: Processor = create("processor", name, id, () =>
      found.factory.create(settingsFor(builder, "processor", name, id), found.config, out),
    );
    stage += 1;
    builder.nodes.push({ kind: "processor", id: name, pipeline: id, stage, component: processor });
    next = observeIncoming(processor, out, name, metrics);
  }
  return { consumer: next, stage };
}

/** The exporter or connector `id`, made once. */
function exporterEntry(builder: Builder, id: string, path: readonly (string | number)[]): Entry {
  const made = builder.exporters.get(id);
  if (made) return made;
  const entry = builder.config.connectors.has(id) ? buildConnector(builder, id) : buildExporter(builder, id, path);
  builder.exporters.set(id, entry);
  return entry;
}

function buildExporter(builder: Builder, id: string, path: readonly (string | number)[]): Entry {
  const found = configured(builder.config.exporters, id, path);
  const exporter: Exporter = create("exporter", id, undefined, () =>
    found.factory.create(settingsFor(builder, "exporter", id), found.config),
  );
  builder.nodes.push({ kind: "exporter", id, pipeline: undefined, stage: 0, component: exporter });
  return { consumer: exporter, stage: 0 };
}

/** The pipelines behind it stand already: orderPipelines has put them first. */
function buildConnector(builder: Builder, id: string): Entry {
  const found = configured(builder.config.connectors, id, ["connectors", id]);
  const entries = receivingFrom(builder.config, id).map((pipeline) => builder.pipelines.get(pipeline) as Entry);
  const next = createFanOut(entries.map((entry) => entry.consumer));
  const connector = create("connector", id, undefined, () =>
    found.factory.create(settingsFor(builder, "connector", id), found.config, next),
  );
  const stage = Math.max(...entries.map((entry) => entry.stage)) + 1;
  builder.nodes.push({ kind: "connector", id, pipeline: undefined, stage, component: connector });
  return {
    consumer: {
      mutates: connector.mutates || next.mutates,
      reserve: (profiles) => connector.reserve(profiles),
      consume: (profiles, ctx) => connector.consume(profiles, ctx),
    },
    stage,
  };
}

/** Receivers stop first and start last, whatever the length of their pipelines: all share the highest stage. */
function buildReceivers(builder: Builder): void {
  const stage = Math.max(0, ...builder.nodes.map((node) => node.stage)) + 1;
  const seen = new Set<string>();
  for (const [pipeline, parts] of builder.config.service.pipelines) {
    parts.receivers.forEach((id, i) => {
      if (seen.has(id) || builder.config.connectors.has(id)) return;
      seen.add(id);
      const found = configured(builder.config.receivers, id, ["service", "pipelines", pipeline, "receivers", i]);
      const entries = receivingFrom(builder.config, id).map((name) => (builder.pipelines.get(name) as Entry).consumer);
      const next = observeReceiver(createFanOut(entries), id, builder.settings.metrics);
      const component: Component = create("receiver", id, undefined, () =>
        found.factory.create(settingsFor(builder, "receiver", id), found.config, next),
      );
      builder.nodes.push({ kind: "receiver", id, pipeline: undefined, stage, component });
    });
  }
}

function configured<F>(
  table: ReadonlyMap<string, Configured<F>>,
  id: string,
  path: readonly (string | number)[],
): Configured<F> {
  const found = table.get(id);
  if (!found) throw new GraphError(path, `"${id}" is not configured`);
  return found;
}

function settingsFor(builder: Builder, kind: Kind, id: string, pipeline?: string): Settings {
  const { log, metrics, build } = builder.settings;
  const fields: Record<string, string> = {
    "otelcol.component.id": id,
    "otelcol.component.kind": kind,
    "otelcol.signal": "profiles",
  };
  if (pipeline !== undefined) fields["otelcol.pipeline.id"] = pipeline;
  return { id, kind, log: log.with(fields), metrics, build };
}

function create<C>(kind: Kind, id: string, pipeline: string | undefined, make: () => C): C {
  try {
    return make();
  } catch (caught) {
    const message = caught instanceof Error ? caught.message : String(caught);
    const where = pipeline === undefined ? "" : `, in pipeline "${pipeline}"`;
    throw new GraphError([`${kind}s`, id], `failed to create "${id}" ${kind}${where}: ${message}`, caught);
  }
}
