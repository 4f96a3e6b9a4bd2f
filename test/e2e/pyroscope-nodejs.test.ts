import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reasonToSkip } from "./client-install.js";
import { assertCpuTime, assertHot, labelsStored, namesStored, runClient } from "./client-run.js";
import { sampleLabels, totalsNamed } from "./pipeline.js";

describe("@pyroscope/nodejs", { skip: reasonToSkip("npm"), timeout: 240_000 }, () => {
  it("sends wall and CPU time, and the heap", async (t) => {
    const run = await runClient(t, {
      name: "nodejs",
      install: [["npm", "ci", "--no-audit", "--no-fund"]],
      command: (folder) => [process.execPath, `${folder}/client.mjs`],
      runMs: 7000,
    });
    if (!run) return;
    const { report, out } = run;
    assert.deepEqual(namesStored(out), ["memory", "wall"]);
    for (const name of ["memory", "wall"]) {
      assert.deepEqual(labelsStored(out, name), {
        service_name: "shop.node",
        env: "staging",
        region: "eu-1",
        __delta__: "false",
        pyroscope_spy: "nodespy",
        "otel.scope.name": "com.grafana.pyroscope/nodejs",
        "otel.scope.version": "0.6.4",
        "process.runtime.name": "nodejs",
        "process.runtime.version": process.versions.node,
      });
    }
    assertCpuTime(out, "shop.node-wall", report);
    assertHot(out, "shop.node-wall", "hashOrders", "parseOrders");
    assert.deepEqual(sampleLabels(out.pprofs, "shop.node-wall", "route"), ["/orders"]);
    const wallMs = totalsNamed(out.pprofs, "shop.node-wall")["wall/nanoseconds"] / 1e6;
    assert.ok(wallMs > 0.6 * report.cpuMs && wallMs < 1.3 * report.elapsedMs, `${wallMs} of ${report.elapsedMs} ms`);
    // Each of the arrays of 1,000 objects takes some 64 KiB at least; they are never let go.
    const heap = out.pprofs.filter(({ name }) => name === "shop.node-memory").at(-1)?.totals ?? {};
    assert.ok(heap["inuse_space/bytes"] > 1_000_000n, `${heap["inuse_space/bytes"]} bytes in use`);
  });
});
