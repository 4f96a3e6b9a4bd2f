import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { retryable } from "../../../src/component/errors.js";
import { createSink, type SinkOptions } from "../../support/consumers.js";
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

describe("pprof files", () => {
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
