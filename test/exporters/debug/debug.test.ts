import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { debugSchema } from "../../../exporters/debug/config.js";
import { createDebugExporter } from "../../../exporters/debug/debug-exporter.js";
import { createTextOutput, type TextStream } from "../../../exporters/debug/text-output.js";
import { background } from "../../../src/component/context.js";
import type { Exporter } from "../../../src/component/factory.js";
import type { Host } from "../../../src/component/host.js";
import type { Fields, Logger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.js";
import { recorded } from "../../support/recorded.js";
import { smallProfiles } from "./small-profiles.js";

const host: Host = { extension: () => undefined, report() {}, parseYaml: JSON.parse };

interface FakeStream extends TextStream {
  text: string;
  writableLength: number;
  fail(error: Error): void;
}

function createStream(): FakeStream {
  let onError = (_error: Error) => {};
  return {
    text: "",
    writableLength: 0,
    write(text: string) {
      this.text += text;
    },
    on(_event, listener) {
      onError = listener;
    },
    fail: (error) => onError(error),
  };
}

interface Running {
  readonly exporter: Exporter;
  readonly clock: FakeClock;
  readonly stdout: FakeStream;
  readonly logged: { message: string; fields: Fields | undefined }[];
  send(times?: number): Promise<void>;
}

async function withDebug(config: Record<string, unknown>, work: (running: Running) => Promise<void>): Promise<Running> {
  const clock = createFakeClock(Date.UTC(2026, 0, 2, 12));
  const stdout = createStream();
  const logged: Running["logged"] = [];
  const write = (message: string, fields?: Fields) => logged.push({ message, fields });
  const log: Logger = { debug() {}, info: write, warn: write, error: write, with: () => log };
  const build = { name: "flamepipe", version: "0" };
  const settings = { id: "debug", kind: "exporter" as const, log, metrics: createMetrics(), build };
  const exporter = createDebugExporter(settings, debugSchema.parse(config), { clock, openStream: async () => stdout });
  await exporter.start(host);
  const running: Running = {
    exporter,
    clock,
    stdout,
    logged,
    async send(times = 1) {
      for (let i = 0; i < times; i++) await exporter.consume(recorded(), background);
    },
  };
  try {
    await work(running);
  } finally {
    await exporter.shutdown();
  }
  return running;
}

describe("debug, basic", () => {
  it("logs the Collector's line for each request, and prints nothing", async () => {
    const { logged, stdout } = await withDebug({}, ({ send }) => send());
    assert.deepEqual(logged, [
      { message: "Profiles", fields: { "resource profiles": recorded().resources.length, "sample records": 972 } },
    ]);
    assert.equal(stdout.text, "");
  });

  it("samples its lines per second as it is told to", async () => {
    await withDebug({ sampling_initial: 1, sampling_thereafter: 3 }, async ({ send, logged, clock }) => {
      await send(8);
      assert.equal(logged.length, 1 + 2, "the 1st, 4th and 7th");
      clock.advance(1000);
      await send();
      assert.equal(logged.length, 4);
    });
    const none = await withDebug({ sampling_initial: 2, sampling_thereafter: 0 }, ({ send }) => send(5));
    assert.equal(none.logged.length, 2);
  });

  it("writes to its output paths without the internal logger", async () => {
    const { logged, stdout } = await withDebug({ use_internal_logger: false }, ({ send }) => send());
    assert.deepEqual(logged, []);
    assert.match(
      stdout.text,
      /^2026-01-02T12:00:00\.000Z\tinfo\tProfiles\t\{"resource profiles":\d+,"sample records":972\}\n$/,
    );
  });
});

describe("debug, normal", () => {
  it("prints at every interval in which something came, and once more at the end", async () => {
    const running = await withDebug({ verbosity: "normal", interval: "10s" }, async ({ send, clock, stdout }) => {
      await send();
      clock.advance(9_999);
      assert.equal(stdout.text, "");
      clock.advance(1);
      assert.match(stdout.text, /2026-01-02T12:00:10\.000Z {2}.* {2}last 10 s\n/);
      stdout.text = "";
      clock.advance(60_000);
      assert.equal(stdout.text, "", "nothing came");
      await send();
      clock.advance(4_000);
    });
    assert.match(running.stdout.text, /2026-01-02T12:01:14\.000Z {2}.* {2}last 4 s\n/);
    assert.equal(running.clock.pending, 0);
  });
});

describe("debug, detailed", () => {
  it("prints the dictionary, and every sample with its attributes and times", async () => {
    const { stdout } = await withDebug({ verbosity: "detailed" }, ({ send }) => send());
    const count = (pattern: RegExp) => stdout.text.match(pattern)?.length ?? 0;
    const { dictionary, sampleCount, resources } = recorded();
    assert.equal(count(/^Function #\d+$/gm), dictionary.functionCount);
    assert.equal(count(/^Location #\d+$/gm), dictionary.locationCount);
    assert.equal(count(/^Mapping #\d+$/gm), dictionary.mappingCount);
    assert.equal(count(/^Stack #\d+$/gm), dictionary.stackCount);
    assert.equal(count(/^ResourceProfiles #\d+$/gm), resources.length);
    assert.equal(count(/^ {4}Sample #\d+$/gm), sampleCount);
    assert.match(stdout.text, /^ {13}-> thread\.name: Str\(.+\)$/m);
    assert.match(stdout.text, /^ {5}-> process\.pid: Int\(\d+\)$/m);
    assert.match(stdout.text, /^ {8}Timestamps: \[2026-11-22T\d\d:\d\d:\d\d\.\d{9}Z.*\]$/m);
  });

  it("prints a small request whole", async () => {
    const { stdout } = await withDebug({ verbosity: "detailed" }, async ({ exporter }) => {
      const profiles = smallProfiles({ service: "shop", samples: [{ stack: ["main"], value: 3 }] });
      await exporter.consume(profiles, background);
    });
    const expected = readFileSync(join("test", "fixtures", "debug", "detailed.txt"), "utf8");
    assert.equal(stdout.text, expected);
  });
});

describe("debug output", () => {
  it("appends to files, and refuses to start where it can't", async () => {
    const dir = mkdtempSync(join(tmpdir(), "flamepipe-debug-"));
    const build = { name: "flamepipe", version: "0" };
    const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
    const settings = { id: "debug", kind: "exporter" as const, log, metrics: createMetrics(), build };
    try {
      const path = join(dir, "out.txt");
      for (let i = 0; i < 2; i++) {
        const config = debugSchema.parse({ use_internal_logger: false, output_paths: [path] });
        const exporter = createDebugExporter(settings, config);
        await exporter.start(host);
        await exporter.consume(recorded(), background);
        await exporter.shutdown();
      }
      assert.equal(readFileSync(path, "utf8").split("\n").length, 3);
      const config = debugSchema.parse({ use_internal_logger: false, output_paths: [join(dir, "none", "out.txt")] });
      await assert.rejects(createDebugExporter(settings, config).start(host), /cannot open output path: ENOENT/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("skips output while the reader is behind, and stops when it is gone", () => {
    const logged: string[] = [];
    const write = (message: string) => logged.push(message);
    const log: Logger = { debug() {}, info: write, warn: write, error: write, with: () => log };
    const stream = createStream();
    const output = createTextOutput([stream], log);
    output.write(["a"]);
    stream.writableLength = 5 * 1024 * 1024;
    output.write(["b"]);
    output.write(["c"]);
    stream.writableLength = 0;
    output.write(["d"]);
    stream.fail(new Error("EPIPE"));
    stream.fail(new Error("EPIPE"));
    output.write(["e"]);
    assert.equal(stream.text, "ad");
    assert.deepEqual(logged, [
      "Debug output is not read fast enough; some of it is skipped.",
      "Debug output is read again.",
      "Debug output can no longer be written.",
    ]);
  });

  it("stops in the middle of a long text when the reader falls behind", () => {
    const log: Logger = { debug() {}, info() {}, warn() {}, error() {}, with: () => log };
    const stream = createStream();
    let made = 0;
    function* pieces() {
      for (; made < 1000; made++) {
        if (made === 3) stream.writableLength = 5 * 1024 * 1024;
        yield `${made} `;
      }
    }
    createTextOutput([stream], log).write(pieces());
    assert.equal(stream.text, "0 1 2 3 … (the rest is skipped: output is not read fast enough)\n");
    assert.ok(made < 5);
  });
});

describe("debug configuration", () => {
  const messages = (config: unknown) => debugSchema.safeParse(config).error?.issues.map((issue) => issue.message);

  it("has the Collector's defaults", () => {
    const { sending_queue, ...config } = debugSchema.parse({});
    assert.deepEqual(config, {
      verbosity: "basic",
      interval: 10_000,
      sampling_initial: 2,
      sampling_thereafter: 1,
      use_internal_logger: true,
    });
    assert.equal(sending_queue.enabled, false);
  });

  it("says what is wrong as the Collector does", () => {
    assert.match(messages({ verbosity: "loud" })?.[0] ?? "", /^verbosity level "loud" is not supported/);
    assert.deepEqual(messages({ output_paths: ["stdout"] }), [
      "output_paths is not supported when use_internal_logger is true",
    ]);
    assert.deepEqual(messages({ use_internal_logger: false, output_paths: [] }), [
      "output_paths must not be empty when use_internal_logger is false",
    ]);
    assert.deepEqual(messages({ interval: "0s" }), ["'interval' must be greater than zero"]);
  });
});
