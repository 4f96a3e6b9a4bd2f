import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type CollectorProcess, startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { install, reasonToSkip } from "./client-install.js";
import { goTop, type RunningPipeline, startPipeline, valueUnder, type WrittenPprof } from "./pipeline.js";

const kinds = ["process_cpu", "memory", "goroutine", "mutex", "block"];
const patienceMs = 60_000;

/** What each kind shows of the service: the sample type to look at, and a frame that must be there. */
const tops: Readonly<Record<string, { readonly type: string; readonly frame: string }>> = {
  process_cpu: { type: "cpu", frame: "main.burnCPU" },
  memory: { type: "alloc_space", frame: "main.allocate" },
  goroutine: { type: "goroutine", frame: "main.contend" },
  mutex: { type: "delay", frame: "sync.(*Mutex).Unlock" },
  block: { type: "delay", frame: "sync.(*Mutex).Lock" },
};

/** What one scrape has under a frame: the least and the most that can be in 3 s, or in 6 s around the restart. */
const bounds: Readonly<Record<string, readonly [type: string, frame: string, least: number, most: number]>> = {
  // Half of each second is burned, on a machine that isn't busy; the target profiles for 2 s.
  process_cpu: ["cpu/nanoseconds", "main.burnCPU", 10e6, 4e9],
  // At most 200 blocks of 64 KiB a second.
  memory: ["alloc_space/bytes", "main.allocate", 0, 90e6],
  goroutine: ["goroutine/count", "main.contend", 4, 4],
  // At most four that wait at a time.
  mutex: ["delay/nanoseconds", "main.contend", 0, 28e9],
  block: ["delay/nanoseconds", "main.contend", 0, 28e9],
};

function assertPlausible(kind: string, pprof: WrittenPprof): void {
  const [type, frame, least, most] = bounds[kind];
  const value = valueUnder([pprof], pprof.name, type, frame);
  assert.ok(value >= least && value <= most, `${kind}: ${value} of ${type} in one scrape`);
  for (const [name, total] of Object.entries(pprof.totals)) assert.ok(total >= 0n, `${name}: ${total}`);
}

function named(pprofs: readonly WrittenPprof[], kind: string): WrittenPprof[] {
  return pprofs.filter(({ name }) => name === `shop-${kind}`);
}

/** Until each kind has been written `count` times. */
async function waitForEach(pipeline: RunningPipeline, count: number, names = kinds): Promise<void> {
  for (const end = performance.now() + patienceMs; ; await sleep(200)) {
    const missing = names.filter((kind) => named(pipeline.written(), kind).length < count);
    if (missing.length === 0) return;
    assert.ok(performance.now() < end, `${missing} came less than ${count} times\n${pipeline.log()}`);
  }
}

async function startService(t: TestContext, folder: string, address: string): Promise<CollectorProcess> {
  const service = startProcess(`${folder}/service`, [address]);
  t.after(() => service.stop());
  await service.saw("listening");
  return service;
}

describe("a Go service with net/http/pprof", { skip: reasonToSkip("go"), timeout: 240_000 }, () => {
  it("is scraped, all five kinds, and again after it was restarted", async (t) => {
    const { folder, problem } = await install("pprof-service", ["go", "build", "-o", "service", "."]);
    if (problem !== "") return t.skip(problem);
    const address = `127.0.0.1:${await freePort()}`;
    const first = await startService(t, folder, address);
    const static_configs = [{ targets: [address], labels: { service_name: "shop" } }];
    const pipeline = await startPipeline(t, { pprof: { scrape_configs: [{ scrape_interval: "3s", static_configs }] } });
    await waitForEach(pipeline, 2);
    assert.equal(await pipeline.counted("otelcol_scraper_errored_profile_records"), 0);

    // Its counters begin anew: differences go on from there, and are never negative.
    await first.stop();
    await startService(t, folder, address);
    await waitForEach(pipeline, 4);
    const { pprofs, stored, log } = await pipeline.finish();
    const { __name__, ...labels } = stored[0].labels;
    assert.deepEqual(labels, { service_name: "shop", job: "pprof", instance: address, region: "eu-1" });
    for (const kind of kinds) for (const one of named(pprofs, kind)) assertPlausible(kind, one);
    for (const [kind, { type, frame }] of Object.entries(tops)) {
      const top = goTop(pprofs, `shop-${kind}`, type);
      assert.ok(top?.includes(frame), `${kind}:\n${top}`);
    }
    // A scrape between the two processes may have failed; it is said once for each kind, at most.
    assert.ok((log.match(/can't be scraped/g) ?? []).length <= kinds.length, log);
  });

  it("gives what godeltaprof and fgprof make, under their plain names", async (t) => {
    const { folder, problem } = await install("pprof-service", ["go", "build", "-o", "service", "."]);
    if (problem !== "") return t.skip(problem);
    const address = `127.0.0.1:${await freePort()}`;
    await startService(t, folder, address);
    const on = { enabled: true };
    const off = { enabled: false };
    const profiling_config = {
      ...{ process_cpu: off, memory: off, goroutine: off, mutex: off, block: off },
      ...{ godeltaprof_memory: on, godeltaprof_mutex: on, godeltaprof_block: on, fgprof: on },
      custom: { threadcreate: { path: "/debug/pprof/threadcreate" } },
    };
    const static_configs = [{ targets: [address], labels: { service_name: "shop" } }];
    const scrape = { scrape_interval: "3s", profiling_config, static_configs };
    const pipeline = await startPipeline(t, { pprof: { scrape_configs: [scrape] } });
    const names = ["memory", "mutex", "block", "fgprof", "threadcreate"];
    await waitForEach(pipeline, 3, names);
    assert.equal(await pipeline.counted("otelcol_scraper_errored_profile_records"), 0);
    const { pprofs } = await pipeline.finish();
    for (const one of pprofs) for (const total of Object.values(one.totals)) assert.ok(total >= 0n, one.path);
    for (const kind of ["memory", "mutex", "block"]) {
      const [type, frame, , most] = bounds[kind];
      const value = valueUnder(pprofs, `shop-${kind}`, type, frame);
      assert.ok(value > 0 && value < most * named(pprofs, kind).length, `${kind}: ${value} of ${type}`);
    }
    // fgprof counts goroutines whether they run or wait: four of these, one of those.
    const [contending, burning] = ["main.contend", "main.burnCPU"].map((frame) =>
      valueUnder(pprofs, "shop-fgprof", "time/nanoseconds", frame),
    );
    assert.ok(contending > 3.8 * burning && contending < 4.2 * burning, `${contending} and ${burning} ns`);
  });
});
