import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { describe, it } from "node:test";
import { type RunOptions, runService } from "../../src/service/run.js";
import type { Service } from "../../src/service/service.js";
import type { Fields, Logger } from "../../src/telemetry/log.js";

interface TestRun {
  readonly stops: EventEmitter;
  readonly code: Promise<number>;
  readonly errors: { message: string; fields: Fields | undefined }[];
  readonly calls: string[];
}

function start(service: Partial<Service> = {}, options: Partial<RunOptions> = {}): TestRun {
  const stops = new EventEmitter();
  const errors: TestRun["errors"] = [];
  const calls: string[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message, fields) => errors.push({ message, fields }),
    with: () => log,
  };
  const whole: Service = {
    fatal: new Promise(() => {}),
    start: async () => void calls.push("start"),
    shutdown: async () => void calls.push("shutdown"),
    ...service,
  };
  const code = runService(whole, { log, stops, gracePeriodMs: 60_000, pendingSamples: async () => 42, ...options });
  return { stops, code, errors, calls };
}

/** Lets the run get as far as it can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("runService", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    it(`drains and ends with 0 on ${signal}`, async () => {
      const run = start();
      await settle();
      assert.deepEqual(run.calls, ["start"]);
      run.stops.emit(signal);
      assert.equal(await run.code, 0);
      assert.deepEqual(run.calls, ["start", "shutdown"]);
      assert.deepEqual(run.errors, []);
      assert.deepEqual(run.stops.eventNames(), [], "all listeners are taken away");
    });
  }

  it("finishes its start before it stops, when a signal comes that early", async () => {
    let started = () => {};
    const starting = new Promise<void>((resolve) => {
      started = resolve;
    });
    const run = start({ start: () => starting });
    run.stops.emit("SIGTERM");
    await settle();
    assert.deepEqual(run.calls, []);
    started();
    assert.equal(await run.code, 0);
    assert.deepEqual(run.calls, ["shutdown"]);
  });

  it("ends with 1 and the reason when it can't start", async () => {
    const run = start({ start: () => Promise.reject(new Error("bind: address already in use")) });
    assert.equal(await run.code, 1);
    assert.equal(run.errors[0].message, "Start failed.");
    assert.equal((run.errors[0].fields?.error as Error | undefined)?.message, "bind: address already in use");
  });

  it("gives up a start that hangs at the second signal", async () => {
    const run = start({ start: () => new Promise(() => {}) });
    run.stops.emit("SIGINT");
    run.stops.emit("SIGINT");
    assert.equal(await run.code, 1);
  });

  it("drains and ends with 1 when a component reports a fatal error", async () => {
    const run = start({ fatal: Promise.resolve(new Error("listener died")) });
    assert.equal(await run.code, 1);
    assert.deepEqual(run.calls, ["start", "shutdown"]);
  });

  for (const event of ["uncaughtException", "unhandledRejection"]) {
    it(`logs an ${event}, drains and ends with 1`, async () => {
      const run = start();
      await settle();
      run.stops.emit(event, new Error("oops"));
      assert.equal(await run.code, 1);
      assert.deepEqual(run.calls, ["start", "shutdown"]);
      assert.equal(run.errors[0].message, "Unexpected fault, terminating process");
      assert.match(String(run.errors[0].fields?.stack), /oops\n.*run\.test/s);
    });
  }

  const neverDrains = { shutdown: () => new Promise<void>(() => {}) };

  it("cuts the drain short at the second signal, and says what is lost", async () => {
    const run = start(neverDrains);
    await settle();
    run.stops.emit("SIGTERM");
    await settle();
    run.stops.emit("SIGTERM");
    assert.equal(await run.code, 1);
    assert.equal(run.errors[0].message, "Shutdown was not clean; what had not left is lost.");
    assert.equal(run.errors[0].fields?.lost_samples, 42);
  });

  it("cuts the drain short when the grace period is over", async () => {
    const run = start(neverDrains, { gracePeriodMs: 1 });
    await settle();
    run.stops.emit("SIGTERM");
    assert.equal(await run.code, 1);
    assert.equal((run.errors[0].fields?.error as Error | undefined)?.message, "the grace period is over");
  });

  it("ends with 1 when something failed to shut down", async () => {
    const run = start({ shutdown: () => Promise.reject(new Error("disk full")) });
    await settle();
    run.stops.emit("SIGTERM");
    assert.equal(await run.code, 1);
  });
});
