import assert from "node:assert/strict";
import { it } from "node:test";
import { nop } from "../../../exporters/nop/index.js";
import { background } from "../../../src/component/context.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { recorded } from "../../support/recorded.js";

it("nop takes everything, reserves nothing and counts nothing", async () => {
  const metrics = createMetrics();
  const build = { name: "flamepipe", version: "0" };
  const exporter = nop.create({ id: "nop", kind: "exporter", log: nopLogger, metrics, build }, {});
  const profiles = recorded();
  const before = profiles.sampleCount;
  assert.equal(exporter.reserve(profiles), undefined);
  assert.equal(await exporter.consume(profiles, background), undefined);
  assert.equal(profiles.sampleCount, before);
  assert.equal(exporter.mutates, false);
  assert.equal((await metrics.text()).trim(), "");
});
