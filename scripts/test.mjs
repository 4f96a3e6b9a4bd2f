// Runs the compiled tests: node scripts/test.mjs [--long] [--test-…] [part of a path …]
// Lists the files itself: a directory after --test fails on Node 24, a quoted glob on Node 20.
// With FLAMEPIPE_RERUN_FAILS set (as .ci/run does), files with a failure run once more, alone, and those that then pass
// are named as flaky: a neighbour that takes the whole machine for a moment should not cost a change its landing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, relative } from "node:path";

process.chdir(join(import.meta.dirname, ".."));

const args = process.argv.slice(2);
const long = args.includes("--long");
const nodeFlags = args.filter((arg) => arg.startsWith("--") && arg !== "--long");
const filters = args.filter((arg) => !arg.startsWith("--"));
// More than these are no accident.
const maxFlakyFiles = 3;

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

// Two files at a time even on a small machine: much of a test's time is waiting for a socket or a child.
const concurrency = Math.max(2, availableParallelism() - 1);

function run(testFiles, atOnce, flags = []) {
  const { status } = spawnSync(
    process.execPath,
    [
      "--test",
      `--test-concurrency=${atOnce}`,
      // A file that hangs fails instead of holding everything up.
      `--test-timeout=${long ? 1_800_000 : 300_000}`,
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      ...flags,
      ...nodeFlags,
      ...testFiles,
    ],
    { stdio: "inherit", env: { ...process.env, ...(long ? { FLAMEPIPE_TEST_LONG: "1" } : {}) } },
  );
  return status ?? 1;
}

/** As `run`, with what the second reporter says: which files had a failure, and the counts. */
function runAndList(testFiles, atOnce) {
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-test-"));
  try {
    const list = join(folder, "failed.json");
    const reporter = ["--test-reporter=./scripts/failed-files.mjs", `--test-reporter-destination=${list}`];
    const status = run(testFiles, atOnce, reporter);
    return { status, ...JSON.parse(readFileSync(list, "utf8")) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runWithSecondChance() {
  const first = runAndList(files, concurrency);
  const again = first.files.map((file) => relative(".", file));
  if (first.status === 0 || again.length === 0 || again.length > maxFlakyFiles) return first.status;
  console.log(`\nonce more, alone: ${again.join(" ")}`);
  const isFlaky = run(again, 1) === 0;
  if (isFlaky) console.log(`\nflaky (failed, then passed alone): ${again.join(" ")}`);
  // The last summary is that of all files.
  const { pass = 0, fail: failed = 0, cancelled = 0, skipped = 0 } = first.counts;
  const gone = isFlaky ? failed + cancelled : 0;
  console.log(`ℹ pass ${pass + gone}\nℹ fail ${failed + cancelled - gone}\nℹ cancelled 0\nℹ skipped ${skipped}`);
  return isFlaky ? 0 : first.status;
}

process.exit(process.env.FLAMEPIPE_RERUN_FAILS ? runWithSecondChance() : run(files, concurrency));
