// Compiles the TypeScript tree to dist/, and the folders of AssemblyScript to modules beside their callers. Does nothing when
// no source has changed since the last good build, and takes away what a deleted or renamed source left behind, so that an
// old test can't go on passing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

process.chdir(join(import.meta.dirname, ".."));

const outDir = "dist";
const stampFile = join(outDir, ".sources");
/** Rooms whose wasm/index.ts become one module: the memory that a codec fills is the one that pdata reads. */
const wasmModules = [["pdata", "codec"], ["gzip"], ["symbols"]]
  .map((rooms) => ({
    dirs: rooms.map((room) => join("src", room, "wasm")),
    file: join(outDir, "src", rooms[0], `${rooms[0]}.wasm`),
  }))
  .filter(({ dirs }) => dirs.every(existsSync));
/** Files of theirs that both compilers read: numbers, nothing else. */
const sharedWithWasm = ["faults.ts", "layout.ts", "numbers.ts"];

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
  const expected = new Set([stampFile, ...wasmModules.map(({ file }) => file), ...sources.map(outputOf)]);
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

/** Runs a compiler that is a package's `command`; returns its exit code. */
function run(name, command, args) {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, "utf8"));
  return spawnSync(process.execPath, [join(manifest, "..", bin[command]), ...args], { stdio: "inherit" }).status ?? 1;
}

function compileTypescript() {
  return run("typescript", "tsc", ["-p", "."]);
}

function compileWasm({ dirs, file }) {
  mkdirSync(dirname(file), { recursive: true });
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--initialMemory", "4"];
  return run("assemblyscript", "asc", [...dirs.map((dir) => join(dir, "index.ts")), ...options, "--outFile", file]);
}

const wasmDirs = wasmModules.flatMap(({ dirs }) => dirs);
const { include } = JSON.parse(readFileSync("tsconfig.json", "utf8"));
const sources = include
  .flatMap(filesBelow)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts"))
  .filter((file) => !wasmDirs.includes(dirname(file)) || sharedWithWasm.includes(basename(file)));
const wasmSources = wasmDirs.flatMap(filesBelow);
const stamp = stampOf([...sources, ...wasmSources]);
const current =
  existsSync(stampFile) &&
  wasmModules.every(({ file }) => existsSync(file)) &&
  readFileSync(stampFile, "utf8") === stamp &&
  sources.every((source) => existsSync(outputOf(source)));

if (!current) {
  rmSync(stampFile, { force: true });
  const status = compileTypescript() || wasmModules.reduce((failed, module) => failed || compileWasm(module), 0);
  if (status !== 0) process.exit(status);
  removeStale(sources);
  writeFileSync(stampFile, stamp);
}
