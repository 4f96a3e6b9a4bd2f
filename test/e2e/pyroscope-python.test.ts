import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { reasonToSkip } from "./client-install.js";
import { assertCpuTime, assertHot, labelsStored, labelValues, namesStored, runClient } from "./client-run.js";
import { sampleLabels } from "./pipeline.js";

describe("pyroscope-io", { skip: reasonToSkip("python3"), timeout: 240_000 }, () => {
  it("sends CPU time and memory", async (t) => {
    const run = await runClient(t, {
      name: "python",
      install: [
        ["python3", "-m", "venv", "venv"],
        ["venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
      ],
      command: (folder) => [`${folder}/venv/bin/python`, `${folder}/client.py`],
      runMs: 7000,
    });
    if (!run) return;
    const { report, out } = run;
    assert.deepEqual(namesStored(out), ["memory", "process_cpu"]);
    const [runtime] = labelValues(out, "process.runtime.version");
    for (const name of namesStored(out)) {
      assert.deepEqual(labelsStored(out, name), {
        service_name: "shop.python",
        env: "staging",
        region: "eu-1",
        "otel.scope.name": "com.grafana.pyroscope/python",
        "otel.scope.version": "1.4.0",
        "process.runtime.name": "cpython",
        "process.runtime.version": runtime,
      });
    }
    // It counts a thread that waits for a CPU as one that has it: at most the whole time.
    assertCpuTime(out, "shop.python-process_cpu", report, 1.2 * report.elapsedMs);
    assertHot(out, "shop.python-process_cpu", "hash_orders", "parse_orders");
    assert.deepEqual(sampleLabels(out.pprofs, "shop.python-process_cpu", "route"), ["/orders"]);
    // Each list that was kept has 500 dictionaries of 184 bytes.
    const inUse = Number(
      out.pprofs.filter(({ name }) => name === "shop.python-memory").at(-1)?.totals["inuse_space/bytes"],
    );
    const expected = report.kept * 500 * 184;
    assert.ok(inUse > 0.6 * expected && inUse < 1.6 * expected, `${inUse} bytes in use, ${expected} kept`);
  });
});
