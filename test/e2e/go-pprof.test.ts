import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { fileExporterSchema } from "../../exporters/file/config.js";
import { createPprofFiles } from "../../exporters/file/pprof-files.js";
import { pprofReceiverSchema } from "../../receivers/pprof/config.js";
import { createPprofReceiver } from "../../receivers/pprof/pprof-receiver.js";
import { findAttribute } from "../../src/pdata/any-value.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { host } from "../contract/components.js";
import { createSink } from "../support/consumers.js";
import { profilesOf, totalsOf } from "../support/pprof-cases.js";
import { pprofMeaning } from "../support/pprof-oracle.js";

function reasonToSkip(): string | false {
  if (!process.env.FLAMEPIPE_E2E) return "runs with FLAMEPIPE_E2E=1";
  return spawnSync("go", ["version"]).status === 0 ? false : "go is not installed";
}

/** Builds and starts the service; resolves with its address. */
async function startService(folder: string) {
  const binary = join(folder, "service");
  const cwd = resolve("test/e2e/go/pprof-service");
  execFileSync("go", ["build", "-o", binary, "."], {
    cwd,
    env: { ...process.env, GOFLAGS: "-mod=mod", GOWORK: "off" },
  });
  const child = spawn(binary, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise<string>((found) => {
    child.stdout.on("data", (text) => found(String(text).trim().split(" ")[1]));
  });
  return { child, address: `127.0.0.1:${port}` };
}

describe("a Go service with net/http/pprof", { skip: reasonToSkip(), timeout: 120_000 }, () => {
  it("is scraped, all five kinds, and go tool pprof reads what we write of it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-go-"));
    const { child, address } = await startService(folder);
    const sink = createSink();
    const settings = {
      id: "pprof",
      kind: "receiver",
      log: nopLogger,
      metrics: createMetrics(),
      build: { name: "flamepipe", version: "0" },
    } as const;
    const static_configs = [{ targets: [address], labels: { service_name: "shop" } }];
    const config = pprofReceiverSchema.parse({ scrape_configs: [{ scrape_interval: "3s", static_configs }] });
    const receiver = createPprofReceiver(settings, config, sink);
    const named = (name: string): Profiles[] =>
      sink.taken
        .map(({ profiles }) => profiles)
        .filter((batch) => findAttribute(profilesOf(batch)[0].attributes, "pyroscope.name")?.value.value === name);
    const kinds = ["process_cpu", "memory", "goroutine", "mutex", "block"];
    try {
      await receiver.start(host);
      for (const end = performance.now() + 60_000; kinds.some((kind) => named(kind).length < 2); ) {
        assert.ok(performance.now() < end, kinds.map((kind) => `${kind} ${named(kind).length}`).join());
        await new Promise((wake) => setTimeout(wake, 100));
      }
      await receiver.shutdown();
      assert.equal(await settings.metrics.total("otelcol_scraper_errored_profile_records"), 0);
      // Half of each second is burned, in one of two seconds' profile; contention is at most four waiters at a time.
      const cpu = Number(totalsOf(profilesOf(named("process_cpu")[0]))["cpu/nanoseconds"]);
      assert.ok(cpu > 0.1e9 && cpu < 5e9, `${cpu} ns of CPU`);
      for (const batch of named("mutex")) {
        const delay = Number(totalsOf(profilesOf(batch))["delay/nanoseconds"]);
        assert.ok(delay > 1e9 && delay < 20e9, `${delay} ns of waiting in 3 s`);
      }
      const out = join(folder, "pprof");
      const files = createPprofFiles(fileExporterSchema.parse({ path: out, format: "pprof", create_directory: true }));
      await files.open();
      for (const kind of kinds) await files.write(named(kind)[0]);
      const expected: Record<string, string> = {
        process_cpu: "sha256",
        memory: "main.allocate",
        goroutine: "runtime.gopark",
        mutex: "sync.(*Mutex).Unlock",
        block: "sync.(*Mutex).Lock",
      };
      for (const kind of kinds) {
        const name = readdirSync(out).find((file) => file.startsWith(`shop-${kind}-`)) ?? "";
        const top = execFileSync("go", ["tool", "pprof", "-top", join(out, name)], { encoding: "utf8", stdio: "pipe" });
        assert.ok(top.includes(expected[kind]), `${kind}:\n${top}`);
      }
      // 200 blocks of 64 KiB a second at most.
      const memory = readdirSync(out).find((file) => file.startsWith("shop-memory-")) ?? "";
      let allocated = 0;
      for (const [stack, [, space]] of pprofMeaning(readFileSync(join(out, memory))).samples) {
        if (stack.includes("main.allocate")) allocated += Number(space);
      }
      assert.ok(allocated > 5e6 && allocated < 80e6, `${allocated} bytes in 3 s`);
    } finally {
      await receiver.shutdown();
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
