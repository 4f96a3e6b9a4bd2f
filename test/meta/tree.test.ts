import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

const outside = /^(node_modules|dist|dist-.+|coverage|\.git|\.node24|\.e2e)$/;
const product = ["receivers", "processors", "exporters", "connectors", "extensions", "src", "bench"];

/** Files of the tree that belong to it, recordings left out. */
function files(dir = "."): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (path === join("test", "fixtures") || (dir === "." && outside.test(entry.name))) return [];
    return entry.isDirectory() ? files(path) : [path];
  });
}

const tree = files();
const sources = tree.filter((file) => file.endsWith(".ts"));
const productSources = sources.filter((file) => product.includes(file.split("/")[0]));

function linesOf(file: string): string[] {
  return readFileSync(file, "utf8").split("\n");
}

/** "file:line" of every line that matches, so that a failure says where. */
function places(where: readonly string[], pattern: RegExp): string[] {
  return where.flatMap((file) =>
    linesOf(file).flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  );
}

describe("the tree", () => {
  const self = join("test", "meta", "tree.test.ts");

  it("names no path of the machine it was written on", () => {
    const found = places(
      tree.filter((file) => file !== self && !file.endsWith(".log")),
      /(^|[^\w.~-])\/(work|tmp)\/\w/,
    );
    assert.deepEqual(found, []);
  });

  it("has lockfiles that name no registry", () => {
    const lockfiles = tree.filter((file) => file.endsWith("package-lock.json"));
    assert.ok(lockfiles.includes("package-lock.json"));
    for (const file of lockfiles) {
      const { packages } = JSON.parse(readFileSync(file, "utf8"));
      const resolved = Object.keys(packages).filter((path) => packages[path].resolved !== undefined);
      assert.deepEqual(resolved, [], file);
    }
    assert.deepEqual(places([".npmrc"], /registry\s*=\s*http|\/\//), []);
  });

  it("pins every dependency to one version", () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
    const ranges = Object.entries<string>({ ...dependencies, ...devDependencies }).filter(
      ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
    );
    assert.deepEqual(ranges, []);
  });

  it("has no source file past 400 lines", () => {
    const long = sources.map((file) => [file, linesOf(file).length - 1] as const).filter(([, lines]) => lines > 400);
    assert.deepEqual(long, []);
  });

  it("leaves ending the process to src/main.ts", () => {
    const others = productSources.filter((file) => file !== join("src", "main.ts") && !file.startsWith("bench"));
    assert.deepEqual(places(others, /\bprocess\.(exit|abort|reallyExit)\(/), []);
  });

  it("leaves the factory lists to src/main.ts", () => {
    const others = productSources.filter((file) => file !== join("src", "main.ts") && !file.startsWith("bench"));
    assert.deepEqual(
      places(others, /from "(\.\.\/)+(receivers|processors|exporters|connectors|extensions)\/index\.js"/),
      [],
    );
  });

  it("keeps no notes to its authors", () => {
    const words = new RegExp(["TO", "DO|FIX", "ME|X", "XX"].join("")); // in pieces, so that it doesn't find itself
    assert.deepEqual(
      places(
        tree.filter((file) => /\.(ts|mjs|md|ya?ml|proto)$/.test(file)),
        new RegExp(`\\b(${words.source})\\b`),
      ),
      [],
    );
  });

  it("has no focused or unconditionally skipped test", () => {
    const tests = sources.filter((file) => file.startsWith("test"));
    assert.deepEqual(places(tests, /\b(it|test|describe)\.(only|skip|todo)\(/), []);
  });

  it("names no file or folder for nothing in particular", () => {
    const vague = /^(utils?|helpers?|misc|common|impl|manager)(\.ts)?$/;
    assert.deepEqual(
      tree.filter((file) => file.split("/").some((part) => vague.test(part))),
      [],
    );
  });
});
