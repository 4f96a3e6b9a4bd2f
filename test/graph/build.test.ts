import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { background, type Context, withContext } from "../../src/component/context.js";
import { partial, retryable } from "../../src/component/errors.js";
import type { Host } from "../../src/component/host.js";
import { buildGraph } from "../../src/graph/build.js";
import { GraphError } from "../../src/graph/plan.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { recorded } from "../support/recorded.js";
import { createParts } from "./graph-config.js";

const host: Host = { extension: () => undefined, report() {}, parseYaml: JSON.parse };

function settings() {
  return { log: nopLogger, metrics: createMetrics(), build: { name: "flamepipe", version: "0" } };
}

/** The series of one metric, as scraped. */
async function series(metrics: { text(): Promise<string> }, name: string): Promise<string[]> {
  return (await metrics.text()).split("\n").filter((line) => line.startsWith(`${name}{`));
}

function over(transport: string): Context {
  return withContext(background, { client: { address: "127.0.0.1:1", auth: {}, transport } });
}

describe("buildGraph", () => {
  it("makes one instance per receiver and exporter, one processor per pipeline", () => {
    const parts = createParts({
      "profiles/a": ["source", "pass", "sink"],
      "profiles/b": ["source", "pass", "sink"],
    });
    const graph = buildGraph(parts.config, settings());
    assert.deepEqual(
      graph.nodes.map(({ kind, id, pipeline }) => [kind, id, pipeline]),
      [
        ["exporter", "sink", undefined],
        ["processor", "pass", "profiles/a"],
        ["processor", "pass", "profiles/b"],
        ["receiver", "source", undefined],
      ],
    );
    assert.deepEqual(parts.life, [], "nothing is started");
  });

  it("hands data through every pipeline of a receiver, and through connectors", async () => {
    const parts = createParts({
      "profiles/in": ["source", "pass", "join,sink/direct"],
      "profiles/x": ["join", "sink/x"],
      "profiles/y": ["join", "pass", "sink/y"],
    });
    buildGraph(parts.config, settings());
    await parts.send(recorded());
    const samples = recorded().sampleCount;
    for (const id of ["sink/direct", "sink/x", "sink/y"]) assert.equal(parts.sinks.get(id)?.sampleCount(), samples, id);
  });

  it("starts downstream first and stops upstream first, whatever the pipelines' lengths", async () => {
    const parts = createParts({
      "profiles/short": ["source/1", "sink/1"],
      "profiles/in": ["source/2", "pass/1", "join"],
      "profiles/out": ["join", "pass/2", "sink/2"],
    });
    const graph = buildGraph(parts.config, settings());
    await graph.start(host);
    const started = parts.life.map((event) => event.replace("start ", ""));
    await graph.shutdown();
    const stopped = parts.life.slice(started.length).map((event) => event.replace("shutdown ", ""));
    for (const [before, after] of [
      ["sink/2", "pass/2"],
      ["pass/2", "join"],
      ["join", "pass/1"],
      ["pass/1", "source/2"],
      ["pass/1", "source/1"],
      ["sink/1", "source/1"],
    ]) {
      assert.ok(started.indexOf(before) < started.indexOf(after), `start ${before} before ${after}: ${started}`);
      assert.ok(stopped.indexOf(after) < stopped.indexOf(before), `stop ${after} before ${before}: ${stopped}`);
    }
    assert.equal(started.length, 7);
    assert.equal(stopped.length, 7);
  });

  it("counts what receivers got accepted and refused, by transport", async () => {
    const refusals: unknown[] = [undefined, retryable("full"), partial("some", 3)];
    const parts = createParts({ profiles: ["source", "sink"] }, { before: () => Promise.reject(refusals[0]) });
    const given = settings();
    buildGraph(parts.config, given);
    const samples = recorded().sampleCount;
    refusals.shift();
    await assert.rejects(parts.send(recorded(), "source", over("grpc")), { kind: "retryable", message: "full" });
    refusals.shift();
    await assert.rejects(parts.send(recorded(), "source", over("http")), { kind: "partial" });
    assert.deepEqual(await series(given.metrics, "otelcol_receiver_refused_profile_samples"), [
      `otelcol_receiver_refused_profile_samples{receiver="source",transport="grpc"} ${samples}`,
      `otelcol_receiver_refused_profile_samples{receiver="source",transport="http"} 3`,
    ]);
    assert.deepEqual(await series(given.metrics, "otelcol_receiver_accepted_profile_samples"), [
      `otelcol_receiver_accepted_profile_samples{receiver="source",transport="grpc"} 0`,
      `otelcol_receiver_accepted_profile_samples{receiver="source",transport="http"} ${samples - 3}`,
    ]);
  });

  it("counts what goes into and comes out of processors", async () => {
    const parts = createParts({ profiles: ["source", "pass", "sink"] });
    const given = settings();
    buildGraph(parts.config, given);
    await parts.send(recorded());
    await parts.send(recorded());
    const samples = 2 * recorded().sampleCount;
    const labels = `{processor="pass",otel_signal="profiles"} ${samples}`;
    for (const name of ["otelcol_processor_incoming_items", "otelcol_processor_outgoing_items"]) {
      assert.deepEqual(await series(given.metrics, name), [name + labels]);
    }
  });

  it("turns a stranger's exception into a permanent error", async () => {
    const parts = createParts(
      { profiles: ["source", "sink"] },
      { before: () => Promise.reject(new TypeError("oops")) },
    );
    buildGraph(parts.config, settings());
    await assert.rejects(parts.send(recorded()), { name: "PipelineError", kind: "permanent", message: "oops" });
  });

  it("gives branches that edit a batch of their own", async () => {
    const parts = createParts(
      { "profiles/a": ["source", "pass", "sink/a"], "profiles/b": ["source", "sink/b"] },
      { passMutates: true },
    );
    buildGraph(parts.config, settings());
    const sent = recorded();
    await parts.send(sent);
    const [a, b] = ["sink/a", "sink/b"].map((id) => parts.sinks.get(id)?.taken[0].profiles);
    assert.notEqual(a, undefined);
    assert.notEqual(a, b);
  });

  it("says which component refused its configuration, and where it stands", () => {
    const parts = createParts(
      { profiles: ["source", "sink"] },
      {
        source: {
          create() {
            throw new Error("no such thing");
          },
        },
      },
    );
    assert.throws(
      () => buildGraph(parts.config, settings()),
      (caught) => {
        assert.ok(caught instanceof GraphError);
        assert.equal(caught.message, 'failed to build pipelines: failed to create "source" receiver: no such thing');
        assert.deepEqual(caught.path, ["receivers", "source"]);
        return true;
      },
    );
  });
});
