import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

let root: string;

function write(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

function run(script: string, ...args: string[]): SpawnSyncReturns<string> {
  // A test runner that is told it runs inside another one reports to that one instead of running by itself.
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  return spawnSync(process.execPath, [join(root, "scripts", script), ...args], { encoding: "utf8", env });
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "flamepipe-scripts-"));
  cpSync("scripts", join(root, "scripts"), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("scripts/build.mjs", () => {
  beforeEach(() => {
    symlinkSync(resolve("node_modules"), join(root, "node_modules"));
    cpSync("tsconfig.json", join(root, "tsconfig.json"));
    write("package.json", '{ "type": "module" }');
    write("package-lock.json", "{}");
    write("src/a.ts", "export const a: number = 1;\n");
    write("src/deep/b.ts", "export const b: number = 2;\n");
  });

  it("compiles, and takes away what has no source any more", () => {
    assert.equal(run("build.mjs").status, 0);
    assert.ok(existsSync(join(root, "dist/src/deep/b.js")));
    rmSync(join(root, "src/deep"), { recursive: true });
    assert.equal(run("build.mjs").status, 0);
    assert.deepEqual(readdirSync(join(root, "dist/src")), ["a.js"]);
  });

  it("leaves the output alone when nothing changed, and restores what was lost", () => {
    run("build.mjs");
    const output = join(root, "dist/src/a.js");
    const before = statSync(output).mtimeMs;
    assert.equal(run("build.mjs").status, 0);
    assert.equal(statSync(output).mtimeMs, before);
    rmSync(output);
    assert.equal(run("build.mjs").status, 0);
    assert.ok(existsSync(output));
  });

  it("fails on a type error, and again until it is mended", () => {
    write("src/a.ts", 'export const a: number = "one";\n');
    const first = run("build.mjs");
    assert.notEqual(first.status, 0);
    assert.match(first.stdout, /src\/a\.ts\(1,14\): error TS2322/);
    assert.notEqual(run("build.mjs").status, 0);
    write("src/a.ts", "export const a: number = 1;\n");
    assert.equal(run("build.mjs").status, 0);
  });
});

describe("scripts/test.mjs", () => {
  const passing = 'import { it } from "node:test";\nit("holds", () => {});\n';
  const failing = 'import { it } from "node:test";\nit("breaks", () => { throw new Error("no"); });\n';

  beforeEach(() => {
    write("package.json", '{ "type": "module" }');
    write("dist/test/good/a.test.js", passing);
    write("dist/test/support/peer.js", 'throw new Error("not a test file");\n');
  });

  it("runs the test files, and only those, and prints the sum", () => {
    const { status, stdout } = run("test.mjs");
    assert.equal(status, 0, stdout);
    assert.match(stdout, /^ℹ pass 1$/m);
    assert.match(stdout, /^ℹ fail 0$/m);
  });

  it("fails when a test fails", () => {
    write("dist/test/bad/b.test.js", failing);
    const { status, stdout } = run("test.mjs");
    assert.equal(status, 1);
    assert.match(stdout, /^ℹ pass 1$/m);
    assert.match(stdout, /^ℹ fail 1$/m);
  });

  it("takes parts of paths, and hands node's own flags on", () => {
    write("dist/test/bad/b.test.js", failing);
    assert.equal(run("test.mjs", "good/").status, 0);
    assert.match(run("test.mjs", "--test-name-pattern=breaks", "bad/").stdout, /^ℹ fail 1$/m);
  });

  it("tells tests when the long forms are wanted", () => {
    const asks = (want: string) =>
      `import { it } from "node:test";\nimport assert from "node:assert";\n` +
      `it("asks", () => assert.equal(process.env.FLAMEPIPE_TEST_LONG, ${want}));\n`;
    write("dist/test/good/a.test.js", asks("undefined"));
    assert.equal(run("test.mjs").status, 0);
    write("dist/test/good/a.test.js", asks('"1"'));
    assert.equal(run("test.mjs", "--long").status, 0);
  });

  it("refuses flags it doesn't know, filters that match nothing, and a tree that isn't built", () => {
    assert.match(run("test.mjs", "--log").stderr, /unknown flag --log/);
    assert.match(run("test.mjs", "nowhere").stderr, /no test file matches nowhere/);
    rmSync(join(root, "dist"), { recursive: true });
    const { status, stderr } = run("test.mjs");
    assert.equal(status, 1);
    assert.match(stderr, /npm run build/);
  });
});

describe("scripts/licenses.mjs", () => {
  function check(license: unknown): SpawnSyncReturns<string> {
    const packages = { "": {}, "node_modules/@x/y": { version: "1.2.3", license } };
    write("package-lock.json", JSON.stringify({ packages }));
    return run("licenses.mjs", root);
  }

  for (const fine of ["MIT", "(MIT OR GPL-3.0-only)", "MIT AND (AGPL-3.0-only OR Apache-2.0)"]) {
    it(`accepts ${fine}`, () => assert.equal(check(fine).status, 0));
  }

  for (const bad of ["AGPL-3.0-only", "MIT AND GPL-2.0-only", "SEE LICENSE IN LICENSE.md", "(MIT", "", undefined]) {
    it(`refuses ${bad ?? "a package without a licence"}`, () => {
      const { status, stderr } = check(bad);
      assert.equal(status, 1);
      assert.match(stderr, /@x\/y@1\.2\.3/);
    });
  }

  it("believes the installed package before the lockfile", () => {
    write("node_modules/@x/y/package.json", '{ "license": "GPL-3.0-only" }');
    assert.match(check("MIT").stderr, /@x\/y@1\.2\.3: GPL-3\.0-only/);
  });
});
