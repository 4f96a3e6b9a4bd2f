import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { forward } from "../../../connectors/forward/index.js";
import { background, withContext } from "../../../src/component/context.js";
import { retryable } from "../../../src/component/errors.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { createSink, errConsumer } from "../../support/consumers.js";
import { recorded } from "../../support/recorded.js";

const settings = {
  id: "forward",
  kind: "connector" as const,
  log: nopLogger,
  metrics: createMetrics(),
  build: { name: "flamepipe", version: "0" },
};

describe("forward", () => {
  it("hands on the very same batch and context", async () => {
    const sink = createSink();
    const profiles = recorded();
    const ctx = withContext(background, { metadata: new Map([["x-scope-orgid", ["a"]]]) });
    await forward.create(settings, {}, sink).consume(profiles, ctx);
    assert.equal(sink.taken[0].profiles, profiles);
    assert.equal(sink.taken[0].ctx, ctx);
  });

  it("lets refusals and the question for room through", async () => {
    const refusal = retryable("full");
    await assert.rejects(forward.create(settings, {}, errConsumer(refusal)).consume(recorded(), background), refusal);
    const full = createSink({ reserve: () => "full" });
    assert.equal(forward.create(settings, {}, full).reserve(recorded()), "full");
  });

  it("has no keys", () => {
    assert.equal(forward.schema.safeParse({}).success, true);
    assert.equal(forward.schema.safeParse({ timeout: "1s" }).success, false);
  });
});
