import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { pprofMeaning } from "../support/pprof-oracle.js";
import { install, reasonToSkip } from "./client-install.js";

const seconds = 15;

function whySkip(): string | false {
  const why = reasonToSkip("go", "bpftrace");
  if (why !== false) return why;
  const attempt = spawnSync("bpftrace", ["-e", "profile:hz:99 { exit(); }"], { timeout: 20_000, encoding: "utf8" });
  return attempt.status === 0 ? false : `BPF may not run here: ${attempt.stderr.trim().split("\n").at(-1)}`;
}

interface Service {
  readonly name: string;
  readonly address: string;
}

/** The same service twice, with its symbols and without. */
async function startServices(t: TestContext, folder: string): Promise<Service[]> {
  const services: Service[] = [];
  for (const name of ["shop", "shop-stripped"]) {
    const address = `127.0.0.1:${await freePort()}`;
    const service = startProcess(join(folder, name), [address]);
    t.after(() => service.stop());
    await service.saw("listening");
    services.push({ name, address });
  }
  return services;
}

/** config/ebpf-host.yaml with bpftrace, only for these services, and with files of pprof beside the tables. */
async function startHost(t: TestContext, folder: string, services: readonly Service[]) {
  const overlay = join(folder, "overlay.json");
  const port = await freePort();
  const include = services.map(({ name }) => ({ executable: name }));
  const path = join(folder, "pprof");
  writeFileSync(
    overlay,
    JSON.stringify({
      receivers: { ebpf: { agent: "bpftrace", sample_rate: 99, include } },
      exporters: { debug: { interval: "5s" }, "file/pprof": { path, format: "pprof", create_directory: true } },
      service: { pipelines: { profiles: { exporters: ["debug", "file/pprof"] } } },
    }),
  );
  const argv = ["--config", "config/ebpf-host.yaml", "--config", overlay];
  const collector = startProcess(resolve("bin/flamepipe"), argv, { METRICS_PORT: String(port) });
  t.after(() => collector.stop());
  await collector.saw("Everything is ready");
  return { collector, path };
}

/** The service's own CPU profile of the seconds to come, as a file. */
async function ownProfile({ name, address }: Service, folder: string): Promise<string> {
  const response = await fetch(`http://${address}/debug/pprof/profile?seconds=${seconds}`);
  const file = join(folder, `${name}-own.pb.gz`);
  writeFileSync(file, Buffer.from(await response.arrayBuffer()));
  return file;
}

/** Cumulative shares by function, as `go tool pprof -top` prints them, and the number of samples. */
function sharesOf(files: readonly string[]): { shares: Map<string, number>; samples: number } {
  const argv = ["tool", "pprof", "-top", "-cum", "-nodefraction=0", "-nodecount=1000", "-sample_index=samples"];
  const top = execFileSync("go", [...argv, "-symbolize=none", ...files], { encoding: "utf8", stdio: "pipe" });
  const samples = Number(/ of (\d+) total/.exec(top)?.[1] ?? /Total samples = (\d+)/.exec(top)?.[1]);
  const rows = [...top.matchAll(/^\s*\S+\s+\S+%\s+\S+%\s+\S+\s+([\d.]+)%\s+(.+?)(?: \(inline\))?$/gm)];
  return { samples, shares: new Map(rows.map(([, share, name]) => [name, Number(share) / 100])) };
}

/** Two samplings of one thing differ by chance; 5 standard deviations are once in a million. */
function tolerance(share: number, one: number, other: number): number {
  return 5 * Math.sqrt(share * (1 - share) * (1 / one + 1 / other)) + 0.02;
}

/**
 * It only jumps to assembly that has no frame of its own. There the frame pointer is still that of its caller's caller, so
 * that whoever follows frame pointers misses it; Go's own profiler has other means.
 */
const missedByFramePointers = "crypto/internal/fips140/sha256.block";

describe("config/ebpf-host.yaml", { skip: whySkip(), timeout: 240_000 }, () => {
  it("finds what go tool pprof finds in a Go service's own profile, stripped or not", async (t) => {
    const build = ["go", "build", "-o", "shop", "."] as const;
    const strip = ["go", "build", "-ldflags=-s -w", "-o", "shop-stripped", "."] as const;
    const { folder: built, problem } = await install("pprof-service", build, strip);
    if (problem !== "") return t.skip(problem);
    const folder = mkdtempSync(join(tmpdir(), "flamepipe-host-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const services = await startServices(t, built);
    const { collector, path } = await startHost(t, folder, services);
    const own = await Promise.all(services.map((service) => ownProfile(service, folder)));
    collector.child.kill("SIGINT");
    assert.equal(await collector.exited, 0, collector.stderr());

    for (const [i, { name }] of services.entries()) {
      const files = readdirSync(path).filter((file) => new RegExp(`^${name}-(?!stripped)`).test(file));
      const ours = sharesOf(files.map((file) => join(path, file)));
      const theirs = sharesOf([own[i]]);
      assert.ok(ours.samples > 100 && theirs.samples > 100, `${ours.samples} and ${theirs.samples} samples`);
      const hot = [...theirs.shares].filter(([name, share]) => share >= 0.1 && name !== missedByFramePointers);
      assert.ok(hot.some(([function_]) => function_ === "main.burnCPU"));
      for (const [function_, share] of hot) {
        const found = ours.shares.get(function_) ?? 0;
        const most = tolerance(share, ours.samples, theirs.samples);
        assert.ok(Math.abs(found - share) <= most, `${name}: ${function_} has ${found}, in its own profile ${share}`);
      }
      // What is printed to the terminal has the names, too.
      assert.match(collector.stdout(), new RegExp(`  ${name}  last [^]*?sha256`));
      let samples = 0n;
      for (const file of files) samples += pprofMeaning(readFileSync(join(path, file))).totals["samples/count"];
      assert.equal(Number(samples), ours.samples);
    }
  });
});
