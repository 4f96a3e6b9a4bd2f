import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runCollector } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { reasonToSkip } from "./client-install.js";

describe("flamepipe overhead", { skip: reasonToSkip("go"), timeout: 240_000 }, () => {
  it("builds its busy service in Go, and measures it", async () => {
    const config = `yaml:{receivers: {parca: {endpoint: "127.0.0.1:${await freePort()}"}}, exporters: {nop: }, service: {telemetry: {metrics: {level: none}}, pipelines: {profiles: {receivers: [parca], exporters: [nop]}}}}`;
    const lengths = ["--rounds", "1", "--seconds", "0.5", "--warm-up-seconds", "0.2"];
    const { code, stdout, stderr } = await runCollector(["overhead", "--config", config, ...lengths]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^load: {6}\d+ connections to http:\/\/127\.0\.0\.1:\d+\/ \(bench\/busy-service -units \d+\)$/m,
    );
    assert.match(stdout, /^throughput, requests\/s +\d+\.\d +\d+\.\d +[+-]\d/m);
    assert.match(stdout, /^CPU of the service, ms\/request +0?[1-9]*\.?\d+ /m);
    assert.match(stdout, /^The collector ran no agent: what was measured is the collector alone\.$/m);
  });
});
