import { NameCache } from "../processors/symbolize/name-cache.js";
import { openBinary } from "../src/symbols/binary.js";
import { openFileSource } from "../src/symbols/byte-source.js";
import { demangle } from "../src/symbols/demangle.js";
import { virtualAddress } from "../src/symbols/segments.js";
import { createRandom } from "../test/support/random.js";

/**
 * Reads a binary as the process of `symbolize` does: node dist/bench/symbols.js BINARY. Prints CPU time and memory of
 * reading its tables, and CPU time per address: each of 200,000 for the first time, spread evenly over the code; the same
 * 5,000 again and again; and what the collector itself does for an address that it has seen.
 */
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: node dist/bench/symbols.js BINARY");
const mib = 1024 * 1024;
const rssMib = () => process.memoryUsage().rss / mib;

function cpuUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const rssBefore = rssMib();
const source = openFileSource(path);
const started = process.cpuUsage();
const binary = openBinary(source, { maxTableBytes: 512 * mib, demangle: (name) => demangle(name, "full") });
const spent = process.cpuUsage(started);
const readMs = (spent.user + spent.system) / 1000;
const rssRead = rssMib() - rssBefore;

const code = binary.segments.find(({ flags }) => (flags & 1) !== 0);
if (!code) throw new Error(`${path} has no code`);
const random = createRandom(1);
const addressesOf = (count: number) => Array.from({ length: count }, () => code.address + random.int(code.fileSize));
const distinct = addressesOf(200_000);
let named = 0;
const first = cpuUs(() => {
  for (const address of distinct) if (binary.framesAt(address)) named++;
});
const rssLookedUp = rssMib() - rssBefore;
const known = addressesOf(5000);
const rounds = 200;
for (const address of known) binary.framesAt(address);
const again = cpuUs(() => {
  for (let round = 0; round < rounds; round++) for (const address of known) binary.framesAt(address);
});

const cache = new NameCache(64 * mib);
const frames = known.map((address) => binary.framesAt(address) ?? null);
cache.add({ outcome: "found", identity: path, segments: binary.segments, isStripped: false, frames }, known, 0);
const range = { start: 0, limit: 0, fileOffset: 0 };
let remembered = 0;
const cached = cpuUs(() => {
  for (let round = 0; round < rounds; round++) {
    const entry = cache.get(path);
    for (const address of known) if (entry?.frames.has(virtualAddress(entry.segments, address, range))) remembered++;
  }
});

const row = (name: string, value: string) => console.log(`${name.padEnd(44)}${value.padStart(10)}`);
row("file, MB", (source.size / 1e6).toFixed(0));
row("functions", String(binary.functionCount));
row("tables read, CPU ms", readMs.toFixed(0));
row("memory after that, MiB more", rssRead.toFixed(0));
row("memory after all look-ups, MiB more", rssLookedUp.toFixed(0));
row(`${distinct.length} addresses once, us each`, (first / distinct.length).toFixed(2));
row("  with a name", `${((100 * named) / distinct.length).toFixed(1)} %`);
row(`${known.length} addresses again, us each`, (again / (rounds * known.length)).toFixed(2));
row("  remembered by the collector, us each", (cached / Math.max(remembered, 1)).toFixed(2));
