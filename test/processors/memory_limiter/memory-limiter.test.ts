import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryLimiter } from "../../../processors/memory_limiter/index.js";
import type { Memory } from "../../../processors/memory_limiter/memory.js";
import { processMemory } from "../../../processors/memory_limiter/memory.js";
import { createMemoryLimiter, limitsOf } from "../../../processors/memory_limiter/memory-limiter.js";
import type { Consumer } from "../../../src/component/consumer.js";
import { background } from "../../../src/component/context.js";
import { Code } from "../../../src/component/errors.js";
import type { Host, Status } from "../../../src/component/host.js";
import { FakeClock, fakeProfiles, testSettings } from "../../delivery/support.js";

const MiB = 1024 * 1024;

class FakeMemory implements Memory {
  usedMib = 0;
  /** What is left after the next collections. */
  liveMib: number | undefined;
  collections = 0;
  nearlyFull = false;

  usedBytes(): number {
    return this.usedMib * MiB;
  }
  availableBytes(): number {
    return 1000 * MiB;
  }
  heapIsNearlyFull(): boolean {
    return this.nearlyFull;
  }
  collect(): void {
    this.collections++;
    if (this.liveMib !== undefined) this.usedMib = this.liveMib;
  }
}

function rig(config: object = {}, room?: ReturnType<Consumer["reserve"]>) {
  const clock = new FakeClock();
  const memory = new FakeMemory();
  const settings = testSettings("memory_limiter", "processor");
  const statuses: Status[] = [];
  const host: Host = {
    extension: () => undefined,
    report: (_id, status) => void statuses.push(status),
    parseYaml: JSON.parse,
  };
  let passed = 0;
  const next: Consumer = {
    mutates: false,
    reserve: () => room,
    async consume(profiles) {
      passed += profiles.sampleCount;
    },
  };
  const parsed = memoryLimiter.schema.parse({ check_interval: "1s", limit_mib: 100, ...config });
  const limiter = createMemoryLimiter(settings, parsed, next, { clock, memory });
  return { clock, memory, settings, statuses, limiter, host, passed: () => passed };
}

function problems(config: object): string[] {
  const result = memoryLimiter.schema.safeParse({ check_interval: "1s", limit_mib: 100, ...config });
  assert.equal(result.success, false);
  return result.error.issues.map((issue) => issue.message);
}

test("settings that make no sense are refused with the Collector's words", () => {
  assert.deepEqual(problems({ check_interval: 0 }), ["'check_interval' must be greater than zero"]);
  assert.deepEqual(problems({ limit_mib: 0 }), ["'limit_mib' or 'limit_percentage' must be greater than zero"]);
  assert.deepEqual(problems({ spike_limit_mib: 100 }), ["'spike_limit_mib' must be smaller than 'limit_mib'"]);
  assert.deepEqual(problems({ limit_percentage: 50, spike_limit_percentage: 50 }), [
    "'spike_limit_percentage' must be smaller than 'limit_percentage'",
  ]);
  assert.deepEqual(problems({ limit_percentage: 101 }), [
    "'limit_percentage' and 'spike_limit_percentage' must be less than or equal to 100",
  ]);
  assert.deepEqual(problems({ min_gc_interval_when_hard_limited: "11s" }), [
    "'min_gc_interval_when_soft_limited' should be larger than 'min_gc_interval_when_hard_limited'",
  ]);
  assert.deepEqual(problems({ max_gc_interval_when_soft_limited: "5s", max_gc_interval_when_hard_limited: 0 }), [
    "'max_gc_interval_when_soft_limited' must be greater than or equal to 'min_gc_interval_when_soft_limited'",
  ]);
  assert.deepEqual(problems({ max_gc_interval_when_soft_limited: "20s" }), [
    "'max_gc_interval_when_soft_limited' must be greater than or equal to 'max_gc_interval_when_hard_limited'",
  ]);
});

test("the soft limit is a fifth below the hard one unless said; MiB win over percent", () => {
  const limits = (config: object) => {
    const parsed = memoryLimiter.schema.parse({ check_interval: "1s", ...config });
    const { hardBytes, softBytes } = limitsOf(parsed, 1000 * MiB);
    return [hardBytes / MiB, softBytes / MiB];
  };
  assert.deepEqual(limits({ limit_mib: 100 }), [100, 80]);
  assert.deepEqual(limits({ limit_mib: 100, spike_limit_mib: 30 }), [100, 70]);
  assert.deepEqual(limits({ limit_percentage: 50 }), [500, 400]);
  assert.deepEqual(limits({ limit_percentage: 50, spike_limit_percentage: 10 }), [500, 400]);
  assert.deepEqual(limits({ limit_percentage: 50, spike_limit_percentage: 25 }), [500, 250]);
  assert.deepEqual(limits({ limit_mib: 100, limit_percentage: 50 }), [100, 80]);
});

test("above the soft limit data is refused with a retryable 503, below it passes again", async () => {
  const { clock, memory, limiter, host, passed, settings, statuses } = rig();
  memory.usedMib = 79;
  await limiter.start(host);
  await limiter.consume(fakeProfiles("a", 5), background);
  memory.usedMib = 80;
  await clock.advance(999);
  await limiter.consume(fakeProfiles("b", 5), background);
  await clock.advance(1);
  await assert.rejects(limiter.consume(fakeProfiles("c", 3), background), {
    kind: "retryable",
    code: Code.UNAVAILABLE,
    message: "data refused due to high memory usage",
  });
  await clock.advance(5000);
  memory.usedMib = 79;
  await clock.advance(1000);
  await limiter.consume(fakeProfiles("d", 5), background);
  assert.equal(passed(), 15);
  assert.deepEqual(statuses, ["recoverable_error", "ok"]);
  assert.deepEqual(
    settings.lines.map(({ message }) => message),
    ["Memory usage is above soft limit. Refusing data.", "Memory usage back within limits. Resuming normal operation."],
  );
  const name = (what: string) => `otelcol_processor_memory_limiter_${what}_profile_samples{processor="memory_limiter"}`;
  assert.equal(await settings.value(name("accepted")), 15);
  assert.equal(await settings.value(name("refused")), 3);
  await limiter.shutdown();
  assert.equal(clock.timers, 0);
});

test("memory is measured when it starts, not only after the first interval", async () => {
  const { memory, limiter, host } = rig();
  memory.usedMib = 90;
  await limiter.start(host);
  await assert.rejects(limiter.consume(fakeProfiles("a"), background), /data refused due to high memory usage/);
  await limiter.shutdown();
});

test("a collection that frees enough spares the senders", async () => {
  const { clock, memory, limiter, host, statuses } = rig();
  await limiter.start(host);
  memory.usedMib = 120;
  memory.liveMib = 40;
  await clock.advance(1000);
  assert.equal(memory.collections, 1);
  await limiter.consume(fakeProfiles("a"), background);
  assert.deepEqual(statuses, []);
  await limiter.shutdown();
});

test("above the soft limit collections keep their distance; those in vain double it up to the maximum", async () => {
  const { clock, memory, limiter, host } = rig();
  await limiter.start(host);
  memory.usedMib = 90;
  const at: number[] = [];
  for (let second = 1; second <= 90; second++) {
    const before = memory.collections;
    await clock.advance(1000);
    if (memory.collections > before) at.push(second);
  }
  assert.deepEqual(at, [1, 21, 51, 81]);
  await limiter.shutdown();
});

test("above the hard limit they come at each check, and back off when in vain", async () => {
  const { clock, memory, limiter, host } = rig();
  await limiter.start(host);
  const at: number[] = [];
  for (let second = 1; second <= 20; second++) {
    memory.usedMib = 110;
    memory.liveMib = second <= 3 ? 100 : undefined;
    const before = memory.collections;
    await clock.advance(1000);
    if (memory.collections > before) at.push(second);
  }
  assert.deepEqual(at, [1, 2, 3, 4, 5, 7, 11, 19]);
  await limiter.shutdown();
});

test("a heap nearly at V8's own limit counts as short of memory", async () => {
  const { clock, memory, limiter, host } = rig();
  await limiter.start(host);
  memory.nearlyFull = true;
  await clock.advance(1000);
  await assert.rejects(limiter.consume(fakeProfiles("a"), background), /high memory usage/);
  await limiter.shutdown();
});

test("no room while it refuses; else the question is passed on", async () => {
  const { clock, memory, limiter, host } = rig({}, undefined);
  await limiter.start(host);
  assert.equal(limiter.reserve(fakeProfiles("a")), undefined);
  memory.usedMib = 100;
  await clock.advance(1000);
  assert.equal(limiter.reserve(fakeProfiles("a")), "full");
  await limiter.shutdown();
  assert.equal(rig({}, "full").limiter.reserve(fakeProfiles("a")), "full");
});

test("shutdown is legal without start and more than once", async () => {
  const { limiter } = rig();
  await limiter.shutdown();
  await limiter.shutdown();
});

test("the process's own memory counts buffers once, and collecting gives them back", () => {
  const before = processMemory.usedBytes();
  let buffer: Buffer | undefined = Buffer.alloc(64 * MiB, 1);
  const grown = processMemory.usedBytes() - before;
  assert.ok(grown >= 60 * MiB && grown < 100 * MiB, `grew by ${grown}`);
  assert.equal(buffer.length, 64 * MiB);
  buffer = undefined;
  processMemory.collect();
  assert.ok(processMemory.usedBytes() - before < 40 * MiB);
  assert.ok(processMemory.availableBytes() > 64 * MiB && processMemory.availableBytes() < 2 ** 53);
  assert.equal(processMemory.heapIsNearlyFull(), false);
});
