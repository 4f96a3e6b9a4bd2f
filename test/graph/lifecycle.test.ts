import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Host, Status } from "../../src/component/host.js";
import { createLifecycle, type Node } from "../../src/graph/lifecycle.js";
import { nopLogger } from "../../src/telemetry/log.js";

interface NodeOptions {
  readonly start?: () => Promise<void>;
  readonly shutdown?: () => Promise<void>;
}

function createNodes(stages: Record<string, number>, log: string[], options: Record<string, NodeOptions> = {}): Node[] {
  return Object.entries(stages).map(([id, stage]) => ({
    kind: "processor" as const,
    id,
    pipeline: "profiles",
    stage,
    component: {
      async start() {
        log.push(`start ${id}`);
        await options[id]?.start?.();
      },
      async shutdown() {
        log.push(`stop ${id}`);
        await options[id]?.shutdown?.();
        log.push(`stopped ${id}`);
      },
    },
  }));
}

function recordingHost(): Host & { readonly reports: string[] } {
  const reports: string[] = [];
  return {
    reports,
    extension: () => undefined,
    parseYaml: JSON.parse,
    report: (id: string, status: Status) => reports.push(`${id} ${status}`),
  };
}

describe("createLifecycle", () => {
  it("waits for a stage to drain before the next one stops", async () => {
    const log: string[] = [];
    let drained = () => {};
    const draining = new Promise<void>((resolve) => {
      drained = resolve;
    });
    const nodes = createNodes({ exporter: 0, receiver: 1 }, log, { receiver: { shutdown: () => draining } });
    const graph = createLifecycle(nodes, nopLogger);
    await graph.start(recordingHost());
    const done = graph.shutdown();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(log.slice(2), ["stop receiver"]);
    drained();
    await done;
    assert.deepEqual(log.slice(2), ["stop receiver", "stopped receiver", "stop exporter", "stopped exporter"]);
  });

  it("stops the components of one stage together", async () => {
    const log: string[] = [];
    const never = new Promise<void>(() => {});
    const graph = createLifecycle(createNodes({ a: 0, b: 0 }, log, { a: { shutdown: () => never } }), nopLogger);
    await graph.start(recordingHost());
    void graph.shutdown();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(log.slice(2), ["stop a", "stop b", "stopped b"]);
  });

  it("stops everything although something fails, and then says what", async () => {
    const log: string[] = [];
    const fail = (text: string) => ({ shutdown: () => Promise.reject(new Error(text)) });
    const nodes = createNodes({ exporter: 0, middle: 1, receiver: 2 }, log, { middle: fail("x"), receiver: fail("y") });
    const graph = createLifecycle(nodes, nopLogger);
    await graph.start(recordingHost());
    await assert.rejects(graph.shutdown(), {
      message: 'failed to shut down "receiver" processor: y; failed to shut down "middle" processor: x',
    });
    assert.ok(log.includes("stopped exporter"));
  });

  it("shuts down what was started when something can't start", async () => {
    const log: string[] = [];
    const busy = { start: () => Promise.reject(new Error("listen tcp: bind: address already in use")) };
    const graph = createLifecycle(createNodes({ a: 0, b: 1, c: 2 }, log, { b: busy }), nopLogger);
    const host = recordingHost();
    await assert.rejects(graph.start(host), {
      message: 'cannot start pipelines: failed to start "b" processor: listen tcp: bind: address already in use',
    });
    assert.deepEqual(log, ["start a", "start b", "stop b", "stopped b", "stop a", "stopped a"]);
    assert.ok(host.reports.includes("b permanent_error"));
  });

  it("shuts down once, and not at all what never started", async () => {
    const log: string[] = [];
    const graph = createLifecycle(createNodes({ a: 0 }, log), nopLogger);
    await graph.shutdown();
    assert.deepEqual(log, []);
    const other = createLifecycle(createNodes({ b: 0 }, log), nopLogger);
    await other.start(recordingHost());
    await Promise.all([other.shutdown(), other.shutdown()]);
    await other.shutdown();
    assert.deepEqual(log, ["start b", "stop b", "stopped b"]);
  });

  it("reports the status of every component", async () => {
    const graph = createLifecycle(createNodes({ a: 0 }, []), nopLogger);
    const host = recordingHost();
    await graph.start(host);
    await graph.shutdown();
    assert.deepEqual(host.reports, ["a starting", "a ok", "a stopping", "a stopped"]);
  });
});
