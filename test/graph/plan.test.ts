import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GraphError, orderPipelines, receivingFrom } from "../../src/graph/plan.js";
import { createParts } from "./graph-config.js";

function graphError(pipelines: Record<string, readonly string[]>): { message: string; path: string } {
  try {
    orderPipelines(createParts(pipelines).config);
  } catch (caught) {
    assert.ok(caught instanceof GraphError);
    return { message: caught.message, path: caught.path.join(".") };
  }
  throw new assert.AssertionError({ message: "the pipelines were accepted" });
}

describe("orderPipelines", () => {
  it("puts a connector's receiving pipelines before those that feed it", () => {
    const { config } = createParts({
      "profiles/in": ["source", "join/1"],
      "profiles/mid": ["join/1", "join/2,sink"],
      "profiles/out": ["join/2", "sink/2"],
    });
    assert.deepEqual(orderPipelines(config), ["profiles/out", "profiles/mid", "profiles/in"]);
  });

  it("keeps the written order otherwise", () => {
    const { config } = createParts({ "profiles/b": ["source", "sink"], "profiles/a": ["source", "sink"] });
    assert.deepEqual(orderPipelines(config), ["profiles/b", "profiles/a"]);
  });

  it("refuses a connector that nobody receives from", () => {
    assert.deepEqual(graphError({ "profiles/in": ["source", "join"], "profiles/b": ["source", "join,sink"] }), {
      message:
        'failed to build pipelines: connector "join" used as exporter in [profiles/in profiles/b] pipeline but not used in any supported receiver pipeline',
      path: "service.pipelines.profiles/in.exporters",
    });
  });

  it("refuses a connector that nobody exports to", () => {
    assert.deepEqual(graphError({ "profiles/out": ["join", "sink"] }), {
      message:
        'failed to build pipelines: connector "join" used as receiver in [profiles/out] pipeline but not used in any supported exporter pipeline',
      path: "service.pipelines.profiles/out.receivers",
    });
  });

  it("names the way round a circle", () => {
    const { message, path } = graphError({
      "profiles/in": ["source", "join/1"],
      "profiles/a": ["join/1,join/2", "pass", "join/3"],
      "profiles/b": ["join/3", "join/2,sink"],
    });
    assert.equal(
      message,
      'failed to build pipelines: cycle detected: connector "join/2" (profiles to profiles) -> ' +
        'processor "pass" in pipeline "profiles/a" -> connector "join/3" (profiles to profiles) -> ' +
        'connector "join/2" (profiles to profiles)',
    );
    assert.equal(path, "service.pipelines.profiles/a.exporters");
  });

  it("refuses a pipeline that feeds itself", () => {
    assert.match(
      graphError({ profiles: ["source,join", "join,sink"] }).message,
      /cycle detected: connector "join" \(profiles to profiles\) -> connector "join"/,
    );
  });

  it("accepts two ways to the same pipeline", () => {
    const { config } = createParts({
      "profiles/in": ["source", "join/1,join/2"],
      "profiles/a": ["join/1", "join/3"],
      "profiles/b": ["join/2", "join/3"],
      "profiles/out": ["join/3", "sink"],
    });
    assert.deepEqual(orderPipelines(config), ["profiles/out", "profiles/a", "profiles/b", "profiles/in"]);
    assert.deepEqual(receivingFrom(config, "join/3"), ["profiles/out"]);
  });
});
