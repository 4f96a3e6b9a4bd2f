// Compiles the TypeScript tree to dist/. Does nothing when no source has changed since the last good build, and takes
// away what a deleted or renamed source left behind, so that an old test can't go on passing.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

process.chdir(join(import.meta.dirname, ".."));

const outDir = "dist";
const stampFile = join(outDir, ".sources");

/** Files below `dir` as paths from the repository root, in a stable order. */
function filesBelow(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function outputOf(source) {
  return join(outDir, source.replace(/\.ts$/, ".js"));
}

/** Everything that a build depends on, one line each. */
function stampOf(sources) {
  return ["tsconfig.json", "package-lock.json", ...sources]
    .map((file) => {
      const { mtimeMs, size } = statSync(file);
      return `${file} ${mtimeMs} ${size}\n`;
    })
    .join("");
}

function removeStale(sources) {
  const expected = new Set([stampFile, ...sources.map(outputOf)]);
  for (const file of filesBelow(outDir)) {
    if (!expected.has(file)) rmSync(file);
  }
  removeEmptyFolders(outDir);
}

function removeEmptyFolders(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (entry.isDirectory()) removeEmptyFolders(join(dir, entry.name));
  }
  if (readdirSync(dir).length === 0) rmdirSync(dir);
}

function compile() {
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json");
  const { bin } = JSON.parse(readFileSync(typescript, "utf8"));
  const tsc = join(typescript, "..", bin.tsc);
  return spawnSync(process.execPath, [tsc, "-p", "."], { stdio: "inherit" }).status ?? 1;
}

const { include } = JSON.parse(readFileSync("tsconfig.json", "utf8"));
const sources = include.flatMap(filesBelow).filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"));
const stamp = stampOf(sources);
const current =
  existsSync(stampFile) &&
  readFileSync(stampFile, "utf8") === stamp &&
  sources.every((source) => existsSync(outputOf(source)));

if (!current) {
  rmSync(stampFile, { force: true });
  const status = compile();
  if (status !== 0) process.exit(status);
  removeStale(sources);
  writeFileSync(stampFile, stamp);
}
