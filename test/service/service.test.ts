import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import type { Extension, ExtensionFactory } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import { createService, type ServiceConfig } from "../../src/service/service.js";
import type { Fields, Logger } from "../../src/telemetry/log.js";
import { nopMetrics } from "../../src/telemetry/metric-levels.js";
import { createParts } from "../graph/graph-config.js";

interface TestService {
  readonly events: string[];
  readonly config: ServiceConfig;
  readonly hosts: Host[];
}

/** One pipeline, and extensions "first" and "second" that write down what happens to them. */
function createTestConfig(options: { startFails?: string } = {}): TestService {
  const parts = createParts({ profiles: ["source", "pass", "sink"] });
  const events = parts.life as string[];
  const hosts: Host[] = [];
  const factory: ExtensionFactory = {
    kind: "extension",
    type: "ext",
    stability: "development",
    summary: "For tests.",
    signals: ["profiles"],
    schema: z.unknown(),
    create({ id }): Extension {
      return {
        async start(host) {
          hosts.push(host);
          events.push(`start ${id}`);
          if (options.startFails === id) throw new Error("busy");
        },
        async shutdown() {
          events.push(`shutdown ${id}`);
        },
        ready: () => events.push(`ready ${id}`),
        notReady: () => events.push(`not ready ${id}`),
      };
    },
  };
  const extensions = new Map(["ext/1", "ext/2", "ext/unused"].map((id) => [id, { factory, config: {} }]));
  const service = { ...parts.config.service, extensions: ["ext/2", "ext/1"] };
  return { events, hosts, config: { ...parts.config, extensions, service } };
}

function settings(messages: string[] = []) {
  const write = (message: string, _fields?: Fields) => {
    messages.push(message);
  };
  const log: Logger = { debug() {}, info: write, warn: write, error: write, with: () => log };
  return { log, metrics: nopMetrics, build: { name: "flamepipe", version: "0" } };
}

describe("createService", () => {
  it("starts extensions in the listed order, then pipelines, and stops the other way round", async () => {
    const { events, config } = createTestConfig();
    const messages: string[] = [];
    const service = createService(config, settings(messages));
    assert.deepEqual(events, []);
    await service.start();
    const running = [
      "start ext/2",
      "start ext/1",
      "start sink",
      "start pass",
      "start source",
      "ready ext/2",
      "ready ext/1",
    ];
    assert.deepEqual(events, running);
    await service.shutdown();
    assert.deepEqual(events.slice(running.length), [
      "not ready ext/2",
      "not ready ext/1",
      "shutdown source",
      "shutdown pass",
      "shutdown sink",
      "shutdown ext/1",
      "shutdown ext/2",
    ]);
    assert.deepEqual(messages, [
      "Starting flamepipe...",
      "Starting extensions...",
      "Everything is ready. Begin running and processing data.",
      "Starting shutdown...",
      "Shutdown complete.",
    ]);
  });

  it("runs its attendants around everything else", async () => {
    const { events, config } = createTestConfig();
    const attendant = {
      start: async () => void events.push("start attendant"),
      shutdown: async () => void events.push("shutdown attendant"),
    };
    const service = createService(config, settings(), [attendant]);
    await service.start();
    await service.shutdown();
    assert.equal(events[0], "start attendant");
    assert.equal(events.at(-1), "shutdown attendant");
  });

  it("stops what it started when something can't start", async () => {
    const { events, config } = createTestConfig({ startFails: "ext/1" });
    const service = createService(config, settings());
    await assert.rejects(service.start(), {
      message: 'failed to start extensions: failed to start extension "ext/1": busy',
    });
    assert.deepEqual(events, [
      "start ext/2",
      "start ext/1",
      "not ready ext/2",
      "not ready ext/1",
      "shutdown ext/1",
      "shutdown ext/2",
    ]);
  });

  it("gives components each other's extensions, and listens to what they report", async () => {
    const { hosts, config } = createTestConfig();
    const messages: string[] = [];
    const service = createService(config, settings(messages));
    await service.start();
    const [host] = hosts;
    assert.notEqual(host.extension("ext/1"), undefined);
    assert.equal(host.extension("ext/unused"), undefined);
    messages.length = 0;
    host.report("otlp", "recoverable_error", new Error("memory"));
    host.report("otlp", "recoverable_error", new Error("memory"));
    host.report("otlp", "ok");
    host.report("otlp", "fatal_error", new Error("listener died"));
    assert.deepEqual(messages, [
      "Component is not well.",
      "Component is well again.",
      "Asynchronous error received, terminating process",
    ]);
    assert.equal((await service.fatal).message, "listener died");
    await service.shutdown();
  });

  it("shuts down once", async () => {
    const { events, config } = createTestConfig();
    const service = createService(config, settings());
    await service.start();
    await Promise.all([service.shutdown(), service.shutdown()]);
    assert.equal(events.filter((event) => event === "shutdown sink").length, 1);
  });
});
