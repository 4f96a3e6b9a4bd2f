import type { ConnectorFactory, ExporterFactory, ProcessorFactory, ReceiverFactory } from "../component/factory.js";

/** A component as configured: whose it is and what it was given. */
export interface Configured<F> {
  readonly factory: F;
  readonly config: unknown;
}

/** Component ids, in the order in which data passes them. */
export interface PipelineConfig {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

/** What the graph is built from: the part of a resolved configuration that it needs. */
export interface GraphConfig {
  readonly receivers: ReadonlyMap<string, Configured<ReceiverFactory>>;
  readonly processors: ReadonlyMap<string, Configured<ProcessorFactory>>;
  readonly exporters: ReadonlyMap<string, Configured<ExporterFactory>>;
  readonly connectors: ReadonlyMap<string, Configured<ConnectorFactory>>;
  readonly service: { readonly pipelines: ReadonlyMap<string, PipelineConfig> };
}

/** The pipelines can't be joined, or a component refused its configuration; `path` says where in the configuration. */
export class GraphError extends Error {
  readonly path: readonly (string | number)[];

  constructor(path: readonly (string | number)[], message: string, cause?: unknown) {
    super(`failed to build pipelines: ${message}`, cause === undefined ? undefined : { cause });
    this.name = "GraphError";
    this.path = path;
  }
}

/**
 * The pipelines in the order in which to build them: whoever receives from a connector comes before those that feed it.
 * Throws GraphError where a connector dangles or pipelines feed each other in a circle.
 */
export function orderPipelines(config: GraphConfig): string[] {
  checkConnectors(config);
  const order: string[] = [];
  const done = new Set<string>();
  const open: Hop[] = [];

  function visit(id: string): void {
    if (done.has(id)) return;
    const pipeline = config.service.pipelines.get(id) as PipelineConfig;
    for (const exporter of pipeline.exporters) {
      if (!config.connectors.has(exporter)) continue;
      open.push({ pipeline: id, connector: exporter });
      for (const next of receivingFrom(config, exporter)) {
        const start = open.findIndex((hop) => hop.pipeline === next);
        if (start >= 0) throw cycleError(config, open.slice(start));
        visit(next);
      }
      open.pop();
    }
    done.add(id);
    order.push(id);
  }

  for (const id of config.service.pipelines.keys()) visit(id);
  return order;
}

/** Ids of the pipelines that have `id` (a receiver or connector) among their receivers. */
export function receivingFrom(config: GraphConfig, id: string): string[] {
  const found: string[] = [];
  for (const [pipeline, parts] of config.service.pipelines) if (parts.receivers.includes(id)) found.push(pipeline);
  return found;
}

/** One step of a walk: out of `pipeline` through `connector`. */
interface Hop {
  readonly pipeline: string;
  readonly connector: string;
}

function exportingTo(config: GraphConfig, id: string): string[] {
  const found: string[] = [];
  for (const [pipeline, parts] of config.service.pipelines) if (parts.exporters.includes(id)) found.push(pipeline);
  return found;
}

function checkConnectors(config: GraphConfig): void {
  for (const id of config.connectors.keys()) {
    const from = exportingTo(config, id);
    const to = receivingFrom(config, id);
    if (from.length > 0 && to.length === 0) throw danglingError(id, "exporter", from, "receiver");
    if (to.length > 0 && from.length === 0) throw danglingError(id, "receiver", to, "exporter");
  }
}

function danglingError(id: string, as: string, pipelines: readonly string[], missing: string): GraphError {
  return new GraphError(
    ["service", "pipelines", pipelines[0], `${as}s`],
    `connector "${id}" used as ${as} in [${pipelines.join(" ")}] pipeline but not used in any supported ${missing} pipeline`,
  );
}

function cycleError(config: GraphConfig, hops: readonly Hop[]): GraphError {
  const parts: string[] = [];
  for (const hop of hops) {
    for (const processor of config.service.pipelines.get(hop.pipeline)?.processors ?? []) {
      parts.push(`processor "${processor}" in pipeline "${hop.pipeline}"`);
    }
    parts.push(`connector "${hop.connector}" (profiles to profiles)`);
  }
  const last = parts[parts.length - 1];
  return new GraphError(
    ["service", "pipelines", hops[0].pipeline, "exporters"],
    `cycle detected: ${[last, ...parts].join(" -> ")}`,
  );
}
