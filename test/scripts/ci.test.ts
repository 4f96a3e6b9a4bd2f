import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

let root: string;

function executable(file: string, body: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), `#!/bin/sh\n${body}\n`);
  chmodSync(join(root, file), 0o755);
}

function summary(pass: number, fail: number, skipped = 0, mark = "ℹ"): string {
  const counts = Object.entries({ tests: pass + fail + skipped, pass, fail, cancelled: 0, skipped, todo: 0 });
  return `printf '${counts.map(([name, n]) => `${mark} ${name} ${n}\\n`).join("")}'`;
}

/** A machine on which the tests of the first run, of the second run, and the linter end as told. */
function machine(first: string, second: string, lint = "exit 0"): void {
  const version = /^node24=(.*)$/m.exec(readFileSync(".ci/run", "utf8"))?.[1];
  executable("bin/npm", `case "$1 $3" in "test "*) ${first};; "run lint") ${lint};; esac`);
  executable(
    ".node24/node_modules/node/bin/node",
    `if [ "$1" = --version ]; then echo v${version}; else ${second}; fi`,
  );
}

function run(): { status: number | null; lines: string[] } {
  const env = { ...process.env, PATH: `${join(root, "bin")}:${process.env.PATH}` };
  const { stdout, status } = spawnSync(join(root, ".ci", "run"), [], { encoding: "utf8", env });
  return { status, lines: stdout.trimEnd().split("\n") };
}

describe(".ci/run", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "flamepipe-ci-"));
    cpSync(".ci", join(root, ".ci"), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it("ends with one sum of both runs, whichever way node printed them", () => {
    machine(summary(40, 0, 0, "#"), summary(39, 0, 1));
    const { status, lines } = run();
    assert.equal(lines.at(-1), "79 passed, 0 failed, 1 skipped");
    assert.equal(lines.filter((line) => / passed, /.test(line)).length, 1);
    assert.equal(status, 0);
  });

  it("counts the outer summary, not one that a test printed", () => {
    machine(`${summary(1, 1)}; ${summary(5, 0)}`, summary(5, 0));
    assert.equal(run().lines.at(-1), "10 passed, 0 failed");
  });

  it("fails when a test of either run fails", () => {
    machine(summary(5, 0), `${summary(3, 2)}; exit 1`);
    const { status, lines } = run();
    assert.equal(lines.at(-1), "8 passed, 2 failed");
    assert.equal(status, 1);
  });

  it("fails when a run never came to its summary", () => {
    machine("exit 1", summary(5, 0));
    const { status, lines } = run();
    assert.equal(lines.at(-1), "5 passed, 1 failed");
    assert.equal(status, 1);
  });

  it("fails when the linter does", () => {
    machine(summary(5, 0), summary(5, 0), "exit 1");
    const { status, lines } = run();
    assert.equal(lines.at(-1), "10 passed, 1 failed");
    assert.equal(status, 1);
  });
});
