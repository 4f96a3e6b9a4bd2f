import type { Component, Kind } from "../component/factory.js";
import type { Host } from "../component/host.js";
import type { Logger } from "../telemetry/log.js";

/** One component instance. Data flows from higher stages to lower ones. */
export interface Node {
  readonly kind: Kind;
  readonly id: string;
  /** Set for processors, which are one instance per pipeline. */
  readonly pipeline: string | undefined;
  readonly stage: number;
  readonly component: Component;
}

/** A built graph. */
export interface Lifecycle {
  readonly nodes: readonly Node[];
  /**
   * Exporters first, receivers last. When a component can't start, those that did are shut down again and the promise
   * rejects with the reason.
   */
  start(host: Host): Promise<void>;
  /**
   * Receivers first, exporters last; a stage begins to stop when the one before it has drained. Stops everything
   * whatever fails, and then rejects with the failures. Idempotent.
   */
  shutdown(): Promise<void>;
}

export function createLifecycle(nodes: readonly Node[], log: Logger): Lifecycle {
  const byStage = new Map<number, Node[]>();
  for (const node of nodes) {
    const stage = byStage.get(node.stage);
    if (stage) stage.push(node);
    else byStage.set(node.stage, [node]);
  }
  const downstreamFirst = [...byStage.keys()].sort((a, b) => a - b).map((stage) => byStage.get(stage) as Node[]);
  const started = new Set<Node>();
  let host: Host | undefined;
  let stopped: Promise<void> | undefined;

  async function startNode(node: Node, to: Host): Promise<void> {
    started.add(node);
    to.report(node.id, "starting");
    try {
      await node.component.start(to);
    } catch (caught) {
      to.report(node.id, "permanent_error", asError(caught));
      throw new Error(`cannot start pipelines: failed to start "${node.id}" ${node.kind}: ${asError(caught).message}`, {
        cause: caught,
      });
    }
    to.report(node.id, "ok");
  }

  async function stopNode(node: Node): Promise<void> {
    host?.report(node.id, "stopping");
    log.debug("Stopping component.", { "otelcol.component.id": node.id, "otelcol.component.kind": node.kind });
    try {
      await node.component.shutdown();
    } catch (caught) {
      throw new Error(`failed to shut down "${node.id}" ${node.kind}: ${asError(caught).message}`, { cause: caught });
    }
    host?.report(node.id, "stopped");
  }

  async function stopAll(): Promise<void> {
    const failures: Error[] = [];
    for (const stage of downstreamFirst.toReversed()) {
      const results = await Promise.allSettled(stage.filter((node) => started.has(node)).map(stopNode));
      for (const result of results) if (result.status === "rejected") failures.push(result.reason);
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map((failure) => failure.message).join("; "));
  }

  function shutdown(): Promise<void> {
    stopped ??= stopAll();
    return stopped;
  }

  return {
    nodes,
    shutdown,
    async start(to) {
      host = to;
      try {
        for (const stage of downstreamFirst) for (const node of stage) await startNode(node, to);
      } catch (caught) {
        await shutdown().catch((error) => log.warn("Shutdown after a failed start was not clean.", { error }));
        throw caught;
      }
    },
  };
}

function asError(caught: unknown): Error {
  return caught instanceof Error ? caught : new Error(String(caught));
}
