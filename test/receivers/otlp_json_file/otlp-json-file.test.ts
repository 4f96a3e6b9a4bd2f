import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { otlpJsonFileSchema } from "../../../receivers/otlp_json_file/config.js";
import { createJsonFileReceiver } from "../../../receivers/otlp_json_file/json-file-receiver.js";
import { permanent, retryable } from "../../../src/component/errors.js";
import type { Receiver } from "../../../src/component/factory.js";
import { protoToJson } from "../../../src/proto/otlp-json.js";
import { nopLogger } from "../../../src/telemetry/log.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { createSink, type SinkOptions } from "../../support/consumers.js";
import { createFakeClock } from "../../support/fake-clock.js";
import { recordedFiles } from "../../support/recorded.js";
import { until } from "../../support/until.js";

const line = (index: number) => `${protoToJson(readFileSync(recordedFiles[index]))}\n`;

let folder: string;
let running: Receiver[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-lines-"));
  running = [];
});
afterEach(async () => {
  for (const receiver of running) await receiver.shutdown();
  rmSync(folder, { recursive: true, force: true });
});

async function run(change: object = {}, options: SinkOptions = {}) {
  const sink = createSink(options);
  const clock = createFakeClock();
  const metrics = createMetrics();
  const config = otlpJsonFileSchema.parse({ include: [join(folder, "*.jsonl")], start_at: "beginning", ...change });
  const settings = { id: "f", kind: "receiver", log: nopLogger, metrics, build: { name: "f", version: "0" } } as const;
  const receiver = createJsonFileReceiver(settings, config, sink, clock);
  running.push(receiver);
  await receiver.start(host);
  /** Polls until `done` holds. */
  const pollsUntil = (done: () => boolean | Promise<boolean>) =>
    until(done, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await clock.advanceAsync(200);
    });
  /** Lets this many polls begin, each when the one before has ended. */
  const polls = async (count: number) => {
    for (let i = 0; i < count; i++) {
      while (clock.pending === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      clock.advance(200);
    }
    while (clock.pending === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const refused = () => metrics.total("flamepipe_file_lines_refused_total");
  return { sink, clock, receiver, pollsUntil, polls, refused };
}

const file = (name = "a.jsonl") => join(folder, name);

describe("otlp_json_file receiver", () => {
  it("reads all lines, and those that come later", async () => {
    writeFileSync(file(), line(0) + line(1));
    const { sink, pollsUntil } = await run();
    await pollsUntil(() => sink.taken.length === 2);
    appendFileSync(file(), line(2));
    writeFileSync(file("b.jsonl"), line(3));
    writeFileSync(file("b.txt"), line(3));
    await pollsUntil(() => sink.taken.length === 4);
    assert.deepEqual(
      sink.taken.map(({ profiles }) => Buffer.concat(profiles.encode()).length > 1000),
      [true, true, true, true],
    );
  });

  it("leaves out what was there at the start, and what is excluded", async () => {
    writeFileSync(file(), line(0));
    writeFileSync(file("no.jsonl"), line(0));
    const { sink, pollsUntil, polls } = await run({ start_at: "end", exclude: [join(folder, "n?.jsonl")] });
    await polls(1);
    appendFileSync(file(), line(1));
    appendFileSync(file("no.jsonl"), line(1));
    writeFileSync(file("new.jsonl"), line(2) + line(3));
    await pollsUntil(() => sink.taken.length === 3);
  });

  it("takes a line only when it is whole", async () => {
    const text = line(0);
    writeFileSync(file(), text.slice(0, 1000));
    const { sink, pollsUntil, polls, refused } = await run();
    await polls(20);
    assert.deepEqual([sink.taken.length, await refused()], [0, 0]);
    appendFileSync(file(), text.slice(1000, -1));
    await pollsUntil(() => sink.taken.length === 1);
    appendFileSync(file(), `\n${line(1)}`);
    await pollsUntil(() => sink.taken.length === 2);
    assert.equal(await refused(), 0);
  });

  it("goes on past lines that are no OTLP JSON, are none of profiles, or are too long", async () => {
    const long = `{"resourceProfiles":[],"x":"${"y".repeat(5000)}"}\n`;
    writeFileSync(file(), `nonsense\n\n{"resourceSpans":[]}\n[]\n{"resourceProfiles":7}\n${long}${line(0)}`);
    const { sink, pollsUntil, refused } = await run({ max_log_size: line(0).length });
    await pollsUntil(() => sink.taken.length === 1);
    assert.equal(await refused(), 3);
    const short = await run({ max_log_size: 4000 });
    await short.pollsUntil(async () => (await short.refused()) === 5);
    assert.equal(short.sink.taken.length, 0);
  });

  it("offers a line again while nobody takes it, and leaves out what is refused for good", async () => {
    const answers = [retryable("full"), retryable("full"), undefined, permanent("never"), undefined];
    writeFileSync(file(), line(0) + line(1) + line(2));
    const { sink, pollsUntil, refused } = await run(
      {},
      {
        before: () => {
          const answer = answers.shift();
          if (answer) throw answer;
        },
      },
    );
    await pollsUntil(() => sink.taken.length === 2);
    assert.deepEqual([answers.length, await refused()], [0, 1]);
  });

  it("reads a renamed file to its end, then the new one under its name", async () => {
    writeFileSync(file(), line(0));
    const { sink, pollsUntil } = await run({ include: [file()] });
    await pollsUntil(() => sink.taken.length === 1);
    appendFileSync(file(), line(1));
    renameSync(file(), file("a.jsonl.1"));
    writeFileSync(file(), line(2) + line(3));
    await pollsUntil(() => sink.taken.length === 4);
  });

  it("begins anew in a file that was cut back", async () => {
    writeFileSync(file(), line(0) + line(1));
    const { sink, pollsUntil, polls } = await run();
    await pollsUntil(() => sink.taken.length === 2);
    truncateSync(file());
    await polls(2);
    writeFileSync(file(), line(2));
    await pollsUntil(() => sink.taken.length === 3);
  });

  it("stops while a line waits", async () => {
    writeFileSync(file(), line(0));
    const { receiver, pollsUntil, sink, clock } = await run({}, { before: () => Promise.reject(retryable("full")) });
    await pollsUntil(() => clock.now() > 1000);
    await receiver.shutdown();
    assert.deepEqual([sink.taken.length, clock.pending], [0, 0]);
  });

  it("follows only so many files", async () => {
    for (const name of ["a", "b", "c"]) writeFileSync(file(`${name}.jsonl`), line(0));
    const { sink, polls } = await run({ max_concurrent_files: 2 });
    await polls(5);
    assert.equal(sink.taken.length, 2);
  });
});
