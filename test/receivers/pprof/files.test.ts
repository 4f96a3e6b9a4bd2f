import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { retryable } from "../../../src/component/errors.js";
import { createSink, type SinkOptions } from "../../support/consumers.js";
import { multipartOf } from "../../support/multipart.js";
import { profilesOf, totalsOf } from "../../support/pprof-cases.js";
import { createRig, host, type Rig } from "./rig.js";

const recordings = "test/fixtures/wire/net-http-pprof";
let folder: string;
let rig: Rig;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "flamepipe-pprof-"));
});
afterEach(async () => {
  await rig.receiver.shutdown();
  rmSync(folder, { recursive: true, force: true });
});

async function run(change: object, options: SinkOptions = {}) {
  const sink = createSink(options);
  rig = createRig({ files: [join(folder, "**", "*.gz")], ...change }, sink);
  await rig.receiver.start(host);
  return sink;
}

const wire = "test/fixtures/wire";

/** Name in the folder, recording, sums by "type/unit" for each profile as the recording's manifest has them. */
const others: readonly (readonly [name: string, recording: string, totals: Record<string, bigint>])[] = [
  ["a.folded", "perf/perf.folded", { "samples/count": 1198n }],
  ["a.Collapsed", "perf/perf.folded", { "samples/count": 1198n }],
  ["a.perf.gz", "perf/perf-script.txt.gz", { "samples/count": 1198n }],
  ["a.cpuprofile", "node-cpuprofile/work.cpuprofile", { "samples/count": 1702n, "wall/nanoseconds": 3_042_166_000n }],
];

describe("files of profiles", () => {
  it("are read once, with the values that they have", async () => {
    const files = ["allocs-1", "profile-5s"].map((name) => `${recordings}/${name}.pb.gz`);
    const sink = await run({ files, files_labels: { service_name: "shop", zone: "a" } });
    await rig.pass(0, () => sink.taken.length === 2);
    assert.deepEqual(totalsOf(profilesOf(sink.taken[0].profiles)), {
      "alloc_objects/count": 740_710n,
      "alloc_space/bytes": 86_567_077n,
      "inuse_objects/count": 0n,
      "inuse_space/bytes": 0n,
    });
    assert.deepEqual(
      sink.taken[1].profiles.resources[0].attributes.map(({ key, value }) => [key, value.value]),
      [
        ["service.name", "shop"],
        ["zone", "a"],
        ["file.path", resolve(files[1])],
      ],
    );
    await rig.pass(60_000);
    assert.equal(sink.taken.length, 2);
  });

  for (const [name, recording, totals] of others) {
    it(`are read by their names: ${name}`, async () => {
      const path = join(folder, name);
      copyFileSync(`${wire}/${recording}`, path);
      const writtenMs = Date.UTC(2026, 10, 22);
      utimesSync(path, writtenMs / 1000, writtenMs / 1000);
      const sink = await run({ files: [path] });
      await rig.pass(0, () => sink.taken.length === 1);
      const profiles = profilesOf(sink.taken[0].profiles);
      assert.deepEqual(totalsOf(profiles), totals);
      for (const profile of profiles) assert.equal(profile.timeUnixNano, BigInt(writtenMs) * 1_000_000n);
      assert.deepEqual(rig.lines, []);
    });
  }

  it("are read by the format that is given, whatever they are called", async () => {
    const path = join(folder, "stacks.pb.gz");
    writeFileSync(path, gzipSync("main;work 3\nmain;idle 1\n"));
    const sink = await run({ files: [path], files_format: "folded", files_sample_rate: 100 });
    await rig.pass(0, () => sink.taken.length === 1);
    const [profile] = profilesOf(sink.taken[0].profiles);
    assert.deepEqual(totalsOf([profile]), { "samples/count": 4n });
    assert.deepEqual([profile.periodType, profile.period], [{ type: "cpu", unit: "nanoseconds" }, 10_000_000n]);
  });

  it("may be recordings of Java, with the totals that Pyroscope stores, and what was sampled", async () => {
    const path = join(folder, "a.jfr");
    writeFileSync(path, multipartOf(`${wire}/pyroscope-java/0001.bin`).get("jfr") ?? "");
    const sink = await run({ files: [path] });
    await rig.pass(0, () => sink.taken.length === 1);
    const { profiles } = sink.taken[0];
    assert.deepEqual(totalsOf(profilesOf(profiles)), {
      "cpu/nanoseconds": 340_000_000n,
      "alloc_in_new_tlab_objects/count": 19n,
      "alloc_in_new_tlab_bytes/bytes": 9_961_472n,
      "contentions/count": 156n,
      "delay/nanoseconds": 3_296_291_801n,
    });
    assert.deepEqual(
      profiles.resources[0].attributes.map(({ key, value }) => [key, value.value]),
      [
        ["service.name", "unspecified"],
        ["file.path", path],
        ["jfr_event", "itimer"],
      ],
    );
  });

  const broken: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
    ["a.folded", "main;work x\n", /^collapsed stacks: line 1/],
    ["a.perf", "<html>", /^perf script: /],
    ["a.cpuprofile", "{}", /^cpuprofile: nodes/],
    ["a.speedscope.json", "{}", /^speedscope: \$schema/],
    ["a.jfr", "FLR", /^jfr: no recording/],
    ["a.json", "{}", /^pprof: /],
  ];
  for (const [name, text, reason] of broken) {
    it(`are left out, counted and said where they can't be read: ${name}`, async () => {
      writeFileSync(join(folder, name), text);
      const sink = await run({ files: [join(folder, name)] });
      await rig.pass(0, () => rig.lines.length === 1);
      assert.match(String(rig.lines[0].fields.error), reason);
      assert.equal(await rig.metrics.total("otelcol_scraper_errored_profile_records"), 1);
      assert.equal(sink.taken.length, 0);
    });
  }

  it("are watched where that is asked for; what is no pprof is left out until it changes", async () => {
    const sink = await run({ files_poll_interval: "1s", max_file_size: 10_000 });
    writeFileSync(join(folder, "bad.gz"), "text");
    copyFileSync(`${recordings}/profile-badseconds.pb.gz`, join(folder, "large.gz"));
    copyFileSync(`${recordings}/goroutine.pb.gz`, join(folder, "a.gz"));
    for (let i = 0; i < 5; i++) await rig.pass(1000);
    await rig.pass(1000, () => sink.taken.length === 1 && rig.lines.length === 2);
    assert.deepEqual(rig.lines.map(({ fields }) => fields.file).sort(), [
      join(folder, "bad.gz"),
      join(folder, "large.gz"),
    ]);
    copyFileSync(`${recordings}/threadcreate.pb.gz`, join(folder, "bad.gz"));
    for (let i = 0; i < 5; i++) await rig.pass(1000);
    await rig.pass(1000, () => sink.taken.length === 2);
    assert.equal(await rig.metrics.total("otelcol_scraper_errored_profile_records"), 2);
  });

  it("wait while the pipeline takes nothing", async () => {
    copyFileSync(`${recordings}/goroutine.pb.gz`, join(folder, "a.gz"));
    let refusals = 2;
    const sink = await run(
      {},
      {
        before: () => {
          if (refusals-- > 0) throw retryable("full");
        },
      },
    );
    await rig.pass(0, () => refusals === 1);
    for (let i = 0; i < 3; i++) await rig.pass(2000);
    await rig.pass(2000, () => sink.taken.length === 1);
  });
});
