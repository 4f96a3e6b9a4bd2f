import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Consumer, Reservation } from "../../src/component/consumer.js";
import { background } from "../../src/component/context.js";
import { PipelineError, permanent, retryable } from "../../src/component/errors.js";
import type { Processor } from "../../src/component/factory.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.js";
import { components, create, host, workingInput } from "./components.js";

const recordings = readdirSync("test/fixtures/otlp-ebpf").filter((file) => file.endsWith(".pb"));
const recorded = (file = recordings[0]) => Profiles.parse(readFileSync(join("test/fixtures/otlp-ebpf", file)));

/** Takes everything and counts samples; `answer` decides what it says. */
function sink(
  answer: () => Promise<void> = async () => {},
  room?: Reservation | "full",
): Consumer & { samples: number } {
  return {
    mutates: false,
    samples: 0,
    reserve: () => room,
    async consume(profiles) {
      await answer();
      this.samples += profiles.sampleCount;
    },
  };
}

async function dropped(metrics: Metrics): Promise<number> {
  const lines = [...(await metrics.text()).matchAll(/^flamepipe_dropped_samples_total\{.*\} (\d+)$/gm)];
  return lines.reduce((sum, [, count]) => sum + Number(count), 0);
}

for (const { factory, folder, name } of components) {
  if (factory.kind !== "processor" && factory.kind !== "connector") continue;

  describe(name, () => {
    async function withProcessor(next: Consumer, use: (processor: Processor) => Promise<void>, metrics?: Metrics) {
      const processor: Processor = create(factory, workingInput(factory, folder), next, metrics);
      await processor.start(host);
      try {
        await use(processor);
      } finally {
        await processor.shutdown();
      }
    }

    it("hands on what it took, or counts it as dropped", async () => {
      const next = sink();
      const metrics = createMetrics();
      let sent = 0;
      const take = async (processor: Processor) => {
        for (const file of recordings.slice(0, 3)) {
          const batch = recorded(file);
          sent += batch.sampleCount;
          await processor.consume(batch, background);
        }
      };
      await withProcessor(next, take, metrics);
      assert.ok(sent > 0);
      assert.equal(next.samples + (await dropped(metrics)), sent);
    });

    for (const given of [
      retryable("try later", { code: 8, retryAfterMs: 1234, reason: "rate_limited" }),
      permanent("never", { code: 9, httpStatus: 422 }),
    ]) {
      it(`passes a ${given.kind} error on as it is`, async () => {
        const next = sink(() => Promise.reject(given));
        await withProcessor(next, async (processor) => {
          const error = await processor.consume(recorded(), background).then(
            () => undefined,
            (caught) => caught,
          );
          assert.ok(error instanceof PipelineError, String(error));
          const { kind, code, httpStatus, retryAfterMs } = error;
          const expected = { ...given };
          assert.deepEqual(
            { kind, code, httpStatus, retryAfterMs },
            {
              kind: expected.kind,
              code: expected.code,
              httpStatus: expected.httpStatus,
              retryAfterMs: expected.retryAfterMs,
            },
          );
        });
      });
    }

    it("passes the question for room on", async () => {
      for (const room of ["full", undefined] as const) {
        await withProcessor(sink(undefined, room), async (processor) => {
          assert.equal(processor.reserve(recorded()), room);
        });
      }
      let released = 0;
      const reservation = { release: () => void released++ };
      await withProcessor(sink(undefined, reservation), async (processor) => {
        const held = processor.reserve(recorded());
        assert.ok(held !== undefined && held !== "full");
        held.release();
        assert.equal(released, 1);
      });
    });

    it("leaves a batch alone unless it says that it edits", async () => {
      await withProcessor(sink(), async (processor) => {
        if (processor.mutates) return;
        const batch = recorded();
        const before = Buffer.concat(batch.encode());
        await processor.consume(batch, background);
        assert.ok(before.equals(Buffer.concat(batch.encode())));
      });
    });
  });
}
