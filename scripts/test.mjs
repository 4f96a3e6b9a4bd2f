// Runs the compiled tests: node scripts/test.mjs [--long] [--test-…] [part of a path …]
// Lists the files itself: a directory after --test fails on Node 24, a quoted glob on Node 20.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

process.chdir(join(import.meta.dirname, ".."));

const args = process.argv.slice(2);
const long = args.includes("--long");
const nodeFlags = args.filter((arg) => arg.startsWith("--") && arg !== "--long");
const filters = args.filter((arg) => !arg.startsWith("--"));

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const unknown = nodeFlags.find((flag) => !flag.startsWith("--test-"));
if (unknown !== undefined) fail(`unknown flag ${unknown}: use --long, or one of node's --test-… flags`);
if (!existsSync("dist/test")) fail("dist/test is missing: run `npm run build` first");

const files = readdirSync("dist/test", { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".test.js"))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .sort();
if (files.length === 0) fail(`no test file matches ${filters.join(" ")}`);

const result = spawnSync(
  process.execPath,
  [
    "--test",
    // Two files at a time even on a small machine: much of a test's time is waiting for a socket or a child.
    `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`,
    // A file that hangs fails instead of holding everything up.
    `--test-timeout=${long ? 1_800_000 : 300_000}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    ...nodeFlags,
    ...files,
  ],
  { stdio: "inherit", env: { ...process.env, ...(long ? { FLAMEPIPE_TEST_LONG: "1" } : {}) } },
);
process.exit(result.status ?? 1);
