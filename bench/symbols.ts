import { deserialize, serialize } from "node:v8";
import { KnownBinary } from "../processors/symbolize/known-binary.js";
import { maxAddresses } from "../processors/symbolize/protocol.js";
import { type Binary, openBinary } from "../src/symbols/binary.js";
import { openFileSource } from "../src/symbols/byte-source.js";
import { demangle } from "../src/symbols/demangle.js";
import type { FrameColumns } from "../src/symbols/frame-columns.js";
import { createRandom } from "../test/support/random.js";

/**
 * Reads a binary as the process of `symbolize` does: node dist/bench/symbols.js BINARY. Prints CPU time and memory of
 * reading its tables, and CPU time per address, with all texts of the answer: a process' first request of 4,096, 200,000
 * that are new, spread evenly over the code, and the first 5,000 of a binary that was opened just before; one more address
 * near each of the 5,000; what it costs to bring an answer to the collector and to keep it there; and what the collector
 * does for an address that it has seen.
 */
const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: node dist/bench/symbols.js BINARY");
const mib = 1024 * 1024;
const rssMib = () => process.memoryUsage().rss / mib;
const rounds = 10;
/** Rounds before those that count: V8 has not seen much of the code yet. */
const warmUpRounds = 5;

function cpuUs(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function open(): Binary {
  return openBinary(openFileSource(path), { maxTableBytes: 512 * mib, demangle: (name) => demangle(name, "full") });
}

/** Asks for the addresses in requests, as the collector does; `use` gets each answer. Returns CPU time. */
function ask(binary: Binary, addresses: readonly number[], use: (answer: FrameColumns) => void = () => {}): number {
  let us = 0;
  for (let at = 0; at < addresses.length; at += maxAddresses) {
    const asked = addresses.slice(at, at + maxAddresses);
    let answer: FrameColumns | undefined;
    us += cpuUs(() => (answer = binary.framesAt(asked)));
    if (answer) use(answer);
  }
  return us;
}

const row = (name: string, value: string) => console.log(`${name.padEnd(44)}${value.padStart(10)}`);
const each = (us: number, count: number) => (us / count).toFixed(2);

const rssBefore = rssMib();
const readStarted = process.cpuUsage();
let binary = open();
const { user, system } = process.cpuUsage(readStarted);
const readUs = user + system;
const source = openFileSource(path);
row("file, MB", (source.size / 1e6).toFixed(0));
source.close();
row("functions", String(binary.functionCount));
row("tables read, CPU ms", (readUs / 1000).toFixed(0));
row("memory after that, MiB more", (rssMib() - rssBefore).toFixed(0));

const [code] = binary.segments.filter(({ flags }) => (flags & 1) !== 0).sort((a, b) => b.fileSize - a.fileSize);
if (!code) throw new Error(`${path} has no code`);
const random = createRandom(1);
const addressesOf = (count: number) => Array.from({ length: count }, () => code.address + random.int(code.fileSize));
const many = addressesOf(200_000);
const firstUs = ask(binary, many.slice(0, maxAddresses));
row(`${maxAddresses} addresses, the first of the process, us`, each(firstUs, maxAddresses));
row(`${many.length} addresses once, us each`, each(ask(binary, many), many.length));
row("memory after that, MiB more", (rssMib() - rssBefore).toFixed(0));

let total = zero();
function zero() {
  return { once: 0, near: 0, again: 0, brought: 0, learned: 0, remembered: 0 };
}
let onces: number[] = [];
let frames = 0;
let named = 0;
for (let round = -warmUpRounds; round < rounds; round++) {
  if (round === 0) {
    total = zero();
    onces = [];
    frames = 0;
    named = 0;
  }
  binary.close();
  binary = open();
  const few = addressesOf(5000);
  const near = few.map((address) => address + 16);
  let answers: FrameColumns[] = [];
  const onceUs = ask(binary, few, (answer) => answers.push(deserialize(serialize(answer))));
  total.once += onceUs;
  onces.push(onceUs);
  total.near += ask(binary, near);
  total.again += ask(binary, few);
  total.brought += cpuUs(() => (answers = answers.map((answer) => deserialize(serialize(answer)))));
  const known = new KnownBinary(binary.segments, false, 0);
  total.learned += cpuUs(() => {
    for (const [i, answer] of answers.entries())
      known.learn(few.slice(i * maxAddresses, (i + 1) * maxAddresses), answer);
  });
  total.remembered += cpuUs(() => {
    for (const address of few) {
      const place = known.placeOf(address) ?? 0;
      if (place === 0) continue;
      frames += known.frameCount(place);
      named++;
    }
  });
}
const count = 5000 * rounds;
row("5000 addresses once, us each", each(total.once, count));
row(`  median of ${rounds} binaries`, each(onces.sort((a, b) => a - b)[rounds / 2], 5000));
row("  with a name", `${((100 * named) / count).toFixed(1)} %`);
row("  frames each", each(frames, count));
row(`memory after ${warmUpRounds + rounds} binaries, MiB more`, (rssMib() - rssBefore).toFixed(0));
row("one near each of them, us", each(total.near, count));
row("the same again, us each", each(total.again, count));
row("brought to the collector, us each", each(total.brought, count));
row("  and kept there, us each", each(total.learned, count));
row("remembered by the collector, us each", each(total.remembered, count));
