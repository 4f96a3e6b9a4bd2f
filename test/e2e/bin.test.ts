import assert from "node:assert/strict";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { mainFile, startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";

const dist = join(mainFile, "..", "..");

async function run(command: string, argv: readonly string[], env?: Record<string, string>) {
  const child = startProcess(command, argv, env);
  const code = await child.exited;
  return { code, stdout: child.stdout(), stderr: child.stderr() };
}

describe("bin/flamepipe", { timeout: 60_000 }, () => {
  let dir = "";
  before(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "flamepipe bin-")));
    // A tree of its own around the build that is being tested.
    mkdirSync(join(dir, "built", "bin"), { recursive: true });
    copyFileSync("bin/flamepipe", join(dir, "built", "bin", "flamepipe"));
    symlinkSync(dist, join(dir, "built", "dist"));
    mkdirSync(join(dir, "bare", "bin"), { recursive: true });
    copyFileSync("bin/flamepipe", join(dir, "bare", "bin", "flamepipe"));
    mkdirSync(join(dir, "links"));
    symlinkSync("../built/bin/flamepipe", join(dir, "links", "relative"));
    symlinkSync(join(dir, "links", "relative"), join(dir, "links", "absolute"));
  });
  after(() => rmSync(dir, { recursive: true }));

  it("starts what was built, directly and through links", async () => {
    for (const path of [
      ["built", "bin", "flamepipe"],
      ["links", "relative"],
      ["links", "absolute"],
    ]) {
      const { code, stdout, stderr } = await run(join(dir, ...path), ["--version"]);
      assert.equal(stderr, "");
      assert.match(stdout, /^flamepipe version \d+\.\d+\.\d+\n$/);
      assert.equal(code, 0);
    }
  });

  it("says what to do when nothing was built", async () => {
    const { code, stderr } = await run(join(dir, "bare", "bin", "flamepipe"), ["--version"]);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `flamepipe is not built yet (no dist/): run 'npm ci && npm run build' in ${join(dir, "bare")}\n`,
    );
  });

  it("says what it needs where there is no Node", async () => {
    const { code, stderr } = await run("/bin/sh", [join(dir, "built", "bin", "flamepipe")], {
      PATH: join(dir, "links"),
    });
    assert.equal(code, 1);
    assert.equal(stderr, "flamepipe needs Node.js >= 20.19; there is no 'node' in PATH\n");
  });

  it("says what it needs where Node is too old", async () => {
    const old = join(dir, "old.mjs");
    writeFileSync(old, 'Object.defineProperty(process.versions, "node", { value: "20.18.3" });\n');
    const { code, stderr } = await run(process.execPath, ["--import", old, mainFile, "--version"]);
    assert.equal(code, 1);
    assert.match(stderr, /^flamepipe needs Node\.js >= 20\.19; this is v/);
  });

  it("is one process: the pid that was started takes the signals", async () => {
    const sets = [
      `receivers.otlp.protocols.grpc.endpoint=127.0.0.1:${await freePort()}`,
      `receivers.otlp.protocols.http.endpoint=127.0.0.1:${await freePort()}`,
      "service.telemetry.metrics.level=none",
    ];
    chmodSync(join(dir, "built", "bin", "flamepipe"), 0o755);
    const argv = ["--config", "config/quickstart.yaml", ...sets.flatMap((set) => ["--set", set])];
    const collector = startProcess(join(dir, "built", "bin", "flamepipe"), argv);
    try {
      await collector.saw("Everything is ready.");
      process.kill(collector.child.pid as number, "SIGTERM");
      assert.equal(await collector.exited, 0);
      assert.match(collector.stderr(), /Shutdown complete\./);
    } finally {
      await collector.stop();
    }
  });
});
