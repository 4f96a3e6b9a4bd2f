import type { Extension, ExtensionFactory } from "../component/factory.js";
import { buildGraph, type GraphSettings } from "../graph/build.js";
import type { Lifecycle } from "../graph/lifecycle.js";
import type { Configured, GraphConfig } from "../graph/plan.js";
import type { Logger } from "../telemetry/log.js";
import { createHost, type ServiceHost } from "./host.js";

/** The part of a resolved configuration that a service is assembled from. */
export interface ServiceConfig extends GraphConfig {
  readonly extensions: ReadonlyMap<string, Configured<ExtensionFactory>>;
  readonly service: GraphConfig["service"] & { readonly extensions: readonly string[] };
}

/** Something of the service's own that runs beside the pipelines, such as the metrics endpoint. */
export interface Attendant {
  start(): Promise<void>;
  shutdown(): Promise<void>;
}

/** All extensions and pipelines of one configuration. */
export interface Service {
  /** Resolves with the reason when a running component says that it can't go on. */
  readonly fatal: Promise<Error>;
  /** Resolves when every receiver listens. When something can't start, all is stopped again and the promise rejects. */
  start(): Promise<void>;
  /** Resolves when all accepted data has left and everything has stopped; rejects, all stopped, if that went wrong. */
  shutdown(): Promise<void>;
}

/** Builds everything and starts nothing: `validate` goes as far as this. Throws GraphError. */
export function createService(
  config: ServiceConfig,
  settings: GraphSettings,
  attendants: readonly Attendant[] = [],
): Service {
  const { log } = settings;
  const extensions = buildExtensions(config, settings);
  const graph = buildGraph(config, settings);
  const host = createHost(extensions, log);
  const running: Array<() => Promise<void>> = [];
  let stopped: Promise<void> | undefined;

  async function start(): Promise<void> {
    log.info("Starting flamepipe...", { Version: settings.build.version, Node: process.version });
    try {
      for (const attendant of attendants) {
        running.push(() => attendant.shutdown());
        await attendant.start();
      }
      if (extensions.size > 0) log.info("Starting extensions...");
      for (const [id, extension] of extensions) {
        running.push(() => extension.shutdown());
        await startExtension(id, extension, host);
      }
      await graph.start(host);
      for (const extension of extensions.values()) extension.ready?.();
    } catch (caught) {
      await shutdown().catch((error) => log.warn("Shutdown after a failed start was not clean.", { error }));
      throw caught;
    }
    log.info("Everything is ready. Begin running and processing data.");
  }

  function shutdown(): Promise<void> {
    stopped ??= stop(graph, extensions, running, log);
    return stopped;
  }

  return { fatal: host.fatal, start, shutdown };
}

async function stop(
  graph: Lifecycle,
  extensions: ReadonlyMap<string, Extension>,
  running: ReadonlyArray<() => Promise<void>>,
  log: Logger,
): Promise<void> {
  log.info("Starting shutdown...");
  const failures: string[] = [];
  const attempt = async (step: () => Promise<void>) => {
    try {
      await step();
    } catch (caught) {
      failures.push(caught instanceof Error ? caught.message : String(caught));
    }
  };
  for (const extension of extensions.values()) extension.notReady?.();
  await attempt(() => graph.shutdown());
  for (const step of running.toReversed()) await attempt(step);
  if (failures.length > 0) throw new Error(failures.join("; "));
  log.info("Shutdown complete.");
}

function buildExtensions(config: ServiceConfig, settings: GraphSettings): Map<string, Extension> {
  const built = new Map<string, Extension>();
  for (const id of config.service.extensions) {
    const found = config.extensions.get(id);
    if (!found) throw new Error(`service::extensions: references extension "${id}" which is not configured`);
    const log = settings.log.with({ "otelcol.component.id": id, "otelcol.component.kind": "extension" });
    const { metrics, build } = settings;
    built.set(id, found.factory.create({ id, kind: "extension", log, metrics, build }, found.config));
  }
  return built;
}

async function startExtension(id: string, extension: Extension, host: ServiceHost): Promise<void> {
  try {
    await extension.start(host);
  } catch (caught) {
    const message = caught instanceof Error ? caught.message : String(caught);
    throw new Error(`failed to start extensions: failed to start extension "${id}": ${message}`, { cause: caught });
  }
}
