import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pyroscopeSchema } from "../../../exporters/pyroscope/config.js";
import { pyroscope } from "../../../exporters/pyroscope/index.js";
import { background, withContext } from "../../../src/component/context.js";
import { startPyroscopeDouble } from "../../support/pyroscope-double.js";
import { services, settingsWith, takenMs } from "./setup.js";

describe("pyroscope's queue", () => {
  for (const partition of [undefined, { metadata_keys: ["X-Team"] }]) {
    it(`never joins two tenants, ${partition ? "told to" : "not told to"} keep them apart`, async () => {
      const double = await startPyroscopeDouble({ nowMs: () => takenMs });
      const config = pyroscopeSchema.parse({
        endpoint: double.url,
        tenant: { from_metadata: "x-team", value: "nobody" },
        sending_queue: { batch: { flush_timeout: "10s", min_size: 1000, ...(partition && { partition }) } },
      });
      const exporter = pyroscope.create(settingsWith(), config);
      for (const team of ["one", "two", "one", undefined]) {
        const metadata = new Map(team === undefined ? [] : [["x-team", [team]]]);
        await exporter.consume(services(`of-${team}`), withContext(background, { metadata }));
      }
      // Flushes what waits for company.
      await exporter.shutdown();
      await double.close();
      const seen = double.pushes.map(({ headers }) => headers["x-scope-orgid"]).sort();
      assert.deepEqual(seen, ["nobody", "one", "one", "two"]);
    });
  }
});
