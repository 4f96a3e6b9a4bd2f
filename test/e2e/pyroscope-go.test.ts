import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reasonToSkip } from "./client-install.js";
import { assertCpuTime, assertHot, labelsStored, labelValues, namesStored, runClient } from "./client-run.js";
import { goTop, sampleLabels, valueUnder } from "./pipeline.js";

describe("pyroscope-go", { skip: reasonToSkip("go"), timeout: 240_000 }, () => {
  it("sends five kinds of profiles, all of one session", async (t) => {
    const run = await runClient(t, {
      name: "pyroscope-go",
      install: [["go", "build", "-o", "client", "."]],
      command: (folder) => [`${folder}/client`],
      runMs: 7000,
    });
    if (!run) return;
    const { report, out } = run;
    assert.deepEqual(namesStored(out), ["block", "goroutine", "memory", "mutex", "process_cpu"]);
    const [session, ...others] = labelValues(out, "__session_id__");
    assert.match(session, /^[0-9a-f]{16}$/);
    assert.deepEqual(others, []);
    const [runtime] = labelValues(out, "process.runtime.version");
    for (const name of namesStored(out)) {
      const isDelta = ["block", "memory", "mutex"].includes(name);
      assert.deepEqual(labelsStored(out, name), {
        service_name: "shop.go",
        env: "staging",
        region: "eu-1",
        __delta__: "false",
        __session_id__: session,
        pyroscope_spy: "gospy",
        "otel.scope.name": `com.grafana.pyroscope/${isDelta ? "godeltaprof" : "go"}`,
        "otel.scope.version": isDelta ? "v0.1.12" : "v1.5.0",
        "process.runtime.name": "go",
        "process.runtime.version": runtime,
      });
    }
    assertCpuTime(out, "shop.go-process_cpu", report);
    assertHot(out, "shop.go-process_cpu", "main.hashOrders", "main.parseOrders");
    assert.deepEqual(sampleLabels(out.pprofs, "shop.go-process_cpu", "route"), ["/orders"]);
    // At most 200 blocks of 64 KiB a second; at most four that wait at a time.
    const seconds = report.elapsedMs / 1000;
    const bytes = valueUnder(out.pprofs, "shop.go-memory", "alloc_space/bytes", "main.keepOrders");
    assert.ok(bytes > 2e6 && bytes < 15e6 * seconds, `${bytes} bytes allocated`);
    for (const name of ["mutex", "block"]) {
      const delay = valueUnder(out.pprofs, `shop.go-${name}`, "delay/nanoseconds", "main.contend");
      assert.ok(delay > 1e9 && delay < 4.5e9 * seconds, `${name}: ${delay} ns`);
      const top = goTop(out.pprofs, `shop.go-${name}`, "delay");
      assert.ok(top === undefined || top.includes("main.contend"), top);
    }
    const dumps = out.pprofs.filter(({ name }) => name === "shop.go-goroutine").length;
    assert.equal(valueUnder(out.pprofs, "shop.go-goroutine", "goroutine/count", "main.contend"), 4 * dumps);
  });
});
