import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createLogger, defaultLoggerOptions, type LoggerOptions } from "../../src/telemetry/logger.js";

const noon = Date.UTC(2026, 0, 2, 12, 0, 0);

function createTestLogger(options: Partial<LoggerOptions>) {
  const lines: string[] = [];
  const clock = { now: noon };
  const sink = { write: (line: string) => lines.push(line) };
  const log = createLogger({ ...defaultLoggerOptions, ...options }, [sink], () => clock.now);
  return { lines, clock, log };
}

describe("createLogger", () => {
  it("writes console lines as time, level, message and fields", () => {
    const { lines, log } = createTestLogger({});
    log.with({ "otelcol.component.id": "otlp" }).warn("Something happened.", { error: new Error("why"), count: 3 });
    log.info("Nothing else.");
    assert.deepEqual(lines, [
      '2026-01-02T12:00:00.000Z\twarn\tSomething happened.\t{"otelcol.component.id":"otlp","error":"why","count":3}\n',
      "2026-01-02T12:00:00.000Z\tinfo\tNothing else.\n",
    ]);
  });

  it("writes JSON lines", () => {
    const { lines, log } = createTestLogger({ encoding: "json", initialFields: { cluster: "eu" } });
    log.error("Something happened.", { nested: { a: [1] }, big: 2n ** 60n });
    assert.deepEqual(lines, [
      '{"level":"error","ts":"2026-01-02T12:00:00.000Z","cluster":"eu","nested":{"a":[1]},"big":1152921504606846976,"msg":"Something happened."}\n',
    ]);
  });

  it("leaves out what is below its level", () => {
    const { lines, log } = createTestLogger({ level: "warn" });
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
    assert.deepEqual(
      lines.map((line) => line.split("\t")[1]),
      ["warn", "error"],
    );
  });

  it("samples repeated lines per tick, level and message, across child loggers", () => {
    const sampling = { enabled: true, tickMs: 1000, initial: 2, thereafter: 3 };
    const { lines, clock, log } = createTestLogger({ sampling });
    const child = log.with({ id: "x" });
    for (let i = 1; i <= 4; i++) {
      log.info("same", { i });
      child.info("same", { i });
    }
    log.warn("same");
    assert.equal(lines.length, 2 + 2 + 1, "1st, 2nd, 5th, 8th of info, and the first warning");
    clock.now += 1000;
    log.info("same");
    assert.equal(lines.length, 6);
  });

  it("writes every line where sampling is off", () => {
    const { lines, log } = createTestLogger({ sampling: { ...defaultLoggerOptions.sampling, enabled: false } });
    for (let i = 0; i < 200; i++) log.info("same");
    assert.equal(lines.length, 200);
  });

  it("says which file it can't write", () => {
    const path = join(tmpdir(), "no", "such", "folder", "own.log");
    assert.throws(() => createLogger({ ...defaultLoggerOptions, outputPaths: [path] }), {
      message: `cannot open log output: ENOENT: no such file or directory, open '${path}'`,
    });
  });

  it("outlives a disk that is full", { skip: !existsSync("/dev/full") && "there is no /dev/full" }, async () => {
    const log = createLogger({ ...defaultLoggerOptions, outputPaths: ["/dev/full"] });
    log.info("lost");
    // An error that nobody takes would end the process by now.
    await new Promise((resolve) => setImmediate(resolve));
    log.info("lost too");
  });

  it("appends to files", () => {
    const dir = mkdtempSync(join(tmpdir(), "flamepipe-log-"));
    try {
      const path = join(dir, "own.log");
      for (const text of ["first", "second"]) createLogger({ ...defaultLoggerOptions, outputPaths: [path] }).info(text);
      assert.match(readFileSync(path, "utf8"), /\tinfo\tfirst\n.*\tinfo\tsecond\n$/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
