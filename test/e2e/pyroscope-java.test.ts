import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reasonToSkip } from "./client-install.js";
import { assertCpuTime, assertHot, labelsStored, labelValues, namesStored, runClient } from "./client-run.js";
import { valueUnder } from "./pipeline.js";

describe("Pyroscope's Java agent", { skip: reasonToSkip("java", "javac", "mvn"), timeout: 240_000 }, () => {
  it("sends JFR recordings: CPU time, allocations and locks", async (t) => {
    const run = await runClient(t, {
      name: "java",
      install: [
        [
          "mvn",
          "--quiet",
          "--batch-mode",
          "dependency:copy-dependencies",
          "-DoutputDirectory=lib",
          "-Dmdep.stripVersion",
        ],
        ["javac", "-d", "classes", "Client.java"],
      ],
      command: (folder) => ["java", `-javaagent:${folder}/lib/agent.jar`, "-cp", `${folder}/classes`, "Client"],
      // Its last seconds are not uploaded.
      runMs: 10_000,
      env: {
        PYROSCOPE_APPLICATION_NAME: "shop.java",
        PYROSCOPE_FORMAT: "jfr",
        PYROSCOPE_LABELS: "env=staging",
        PYROSCOPE_UPLOAD_INTERVAL: "3s",
        PYROSCOPE_PROFILER_EVENT: "itimer",
        PYROSCOPE_PROFILER_ALLOC: "64k",
        PYROSCOPE_PROFILER_LOCK: "1ms",
        PYROSCOPE_LOG_LEVEL: "error",
      },
    });
    if (!run) return;
    const { report, out } = run;
    // A thread of the virtual machine may park.
    assert.deepEqual(
      namesStored(out).filter((name) => name !== "block"),
      ["memory", "mutex", "process_cpu"],
    );
    const [runtime] = labelValues(out, "process.runtime.version");
    for (const name of namesStored(out)) {
      assert.deepEqual(labelsStored(out, name), {
        service_name: "shop.java",
        env: "staging",
        region: "eu-1",
        jfr_event: "itimer",
        __delta__: "false",
        pyroscope_spy: "javaspy",
        "otel.scope.name": "com.grafana.pyroscope/java",
        "otel.scope.version": "2.9.2",
        "process.runtime.name": labelValues(out, "process.runtime.name")[0],
        "process.runtime.version": runtime,
      });
    }
    assertCpuTime(out, "shop.java-process_cpu", report);
    assertHot(out, "shop.java-process_cpu", "hashOrders", "parseOrders");
    // At most 2.5 MiB in each 40 ms; at most two threads that wait at a time.
    const seconds = report.elapsedMs / 1000;
    const bytes = valueUnder(out.pprofs, "shop.java-memory", "alloc_in_new_tlab_bytes/bytes", "keepOrders");
    assert.ok(bytes > 10e6 && bytes < 70e6 * seconds, `${bytes} bytes allocated`);
    const delay = valueUnder(out.pprofs, "shop.java-mutex", "delay/nanoseconds", "contend");
    assert.ok(delay > 1e9 && delay < 2.2e9 * seconds, `${delay} ns of waiting`);
  });
});
