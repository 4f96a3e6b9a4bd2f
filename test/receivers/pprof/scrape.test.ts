import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { retryable } from "../../../src/component/errors.js";
import { findAttribute } from "../../../src/pdata/any-value.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { createSink, type SinkConsumer, type SinkOptions } from "../../support/consumers.js";
import { profilesOf, totalsOf } from "../../support/pprof-cases.js";
import { createRig, host, type Rig } from "./rig.js";
import {
  type Answer,
  recordedAnswer,
  recordedPprof,
  type Script,
  startTarget,
  type TargetServer,
} from "./target-server.js";

const all: Script = {
  "/debug/pprof/profile": [recordedAnswer("profile-5s")],
  "/debug/pprof/allocs": [recordedAnswer("allocs-1"), recordedAnswer("allocs-2")],
  "/debug/pprof/goroutine": [recordedAnswer("goroutine")],
  "/debug/pprof/block": [recordedAnswer("block-1"), recordedAnswer("block-2")],
  "/debug/pprof/mutex": [recordedAnswer("mutex-1"), recordedAnswer("mutex-2")],
};

const only = (...kinds: string[]) => ({
  profiling_config: Object.fromEntries(
    ["process_cpu", "memory", "goroutine", "mutex", "block"].map((kind) => [kind, { enabled: kinds.includes(kind) }]),
  ),
});

function jsonAnswer(value: unknown): Answer {
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

interface Running extends Rig {
  readonly target: TargetServer;
  readonly sink: SinkConsumer;
}

const open: Running[] = [];

async function run(
  script: Script,
  change: object = {},
  top: object = {},
  sinkOptions: SinkOptions = {},
): Promise<Running> {
  const target = await startTarget(script);
  const sink = createSink(sinkOptions);
  const input = { scrape_configs: [{ static_configs: [{ targets: [target.address] }], ...change }], ...top };
  const running = { ...createRig(input, sink), target, sink };
  open.push(running);
  await running.receiver.start(host);
  return running;
}

/** Batches by the profile's name. */
function named(sink: SinkConsumer, name: string): Profiles[] {
  return sink.taken
    .map(({ profiles }) => profiles)
    .filter((batch) => findAttribute(profilesOf(batch)[0].attributes, "pyroscope.name")?.value.value === name);
}

const round = 15_000;

describe("pprof receiver, scraping", () => {
  afterEach(async () => {
    for (const { receiver, target } of open.splice(0)) {
      await receiver.shutdown();
      await target.close();
    }
  });

  it("takes what net/http/pprof gives, with exact totals; what counts from the process' begin as differences", async () => {
    const { pass, sink, target, metrics } = await run(all, { job_name: "shop" });
    await pass(round, () => sink.taken.length === 2 && target.requests.length === 5);
    await pass(round, () => sink.taken.length === 6 && target.requests.length === 10);
    assert.deepEqual(totalsOf(profilesOf(named(sink, "process_cpu")[0])), {
      "samples/count": 137n,
      "cpu/nanoseconds": 1_370_000_000n,
    });
    assert.deepEqual(totalsOf(profilesOf(named(sink, "goroutine")[0])), { "goroutine/count": 5n });
    assert.deepEqual(totalsOf(profilesOf(named(sink, "memory")[0])), {
      "alloc_objects/count": 8_043_931n - 740_710n,
      "alloc_space/bytes": 983_404_078n - 86_567_077n,
      "inuse_objects/count": 2521n,
      "inuse_space/bytes": 524_392n,
    });
    assert.deepEqual(totalsOf(profilesOf(named(sink, "block")[0])), {
      "contentions/count": 4n,
      "delay/nanoseconds": 5_015_035_371n - 5_013_812_453n,
    });
    // The two mutex recordings are equal: nothing happened between them.
    assert.deepEqual(named(sink, "mutex"), []);
    const counts = [sink.sampleCount(), 0];
    assert.deepEqual(
      [
        await metrics.total("otelcol_scraper_scraped_profile_records"),
        await metrics.total("otelcol_scraper_errored_profile_records"),
      ],
      counts,
    );
  });

  it("says where a profile is from: labels as resource attributes, a scope, the time between two scrapes", async () => {
    const { pass, sink, target } = await run(all, { ...only("memory"), job_name: "shop" });
    await pass(round, () => target.requests.length === 1);
    await pass(round, () => sink.taken.length === 1);
    const { profiles, ctx } = sink.taken[0];
    const [resource] = profiles.resources;
    assert.deepEqual(resource.attributes.map(({ key, value }) => [key, value.value]).sort(), [
      ["instance", target.address],
      ["job", "shop"],
      ["service.name", "unspecified"],
    ]);
    assert.equal(resource.scopes[0].name, "flamepipe/receivers/pprof");
    const [profile] = profilesOf(profiles);
    assert.deepEqual([profile.timeUnixNano, profile.durationNano], [1_795_353_744_910_471_195n, 10_242_322_545n]);
    assert.equal(findAttribute(profile.attributes, "__delta__")?.value.value, "false");
    assert.deepEqual(ctx.client, { address: target.address, auth: {}, transport: "http" });
  });

  it("asks for seconds only where a profile takes them, and for what its labels say", async () => {
    const { pass, target } = await run(all, {
      scrape_interval: "10s",
      params: { debug: ["0"], gc: ["1", "2"] },
      profiling_config: { path_prefix: "/sub/", mutex: { enabled: false }, block: { path: "/b" } },
      basic_auth: { username: "u", password: "p" },
      headers: { "x-own": "1" },
    });
    await pass(10_000, () => target.requests.length === 4);
    const asked = target.requests.map(({ path, query }) => `${path}${query}`).sort();
    assert.deepEqual(asked, [
      "/sub/b?debug=0&gc=1&gc=2",
      "/sub/debug/pprof/allocs?debug=0&gc=1&gc=2",
      "/sub/debug/pprof/goroutine?debug=0&gc=1&gc=2",
      "/sub/debug/pprof/profile?debug=0&gc=1&gc=2&seconds=9",
    ]);
    const { headers } = target.requests[0];
    assert.deepEqual([headers.authorization, headers["x-own"]], [`Basic ${btoa("u:p")}`, "1"]);
  });

  const authorizations: [object, string][] = [
    [{ bearer_token: "t0ken" }, "Bearer t0ken"],
    [{ authorization: { credentials: "t0ken" } }, "Bearer t0ken"],
    [{ authorization: { type: "Token", credentials: "t0ken" } }, "Token t0ken"],
  ];
  for (const [change, sent] of authorizations) {
    it(`sends "Authorization: ${sent}" for ${Object.keys(change)}`, async () => {
      const { pass, target } = await run(all, { ...only("goroutine"), ...change });
      await pass(round, () => target.requests.length === 1);
      assert.equal(target.requests[0].headers.authorization, sent);
    });
  }

  for (const type of ["application/x-gzip", "application/gzip", "application/x-protobuf; proto=Profile"]) {
    it(`takes a pprof of type ${type}`, async () => {
      const answer = { headers: { "content-type": type }, body: recordedPprof("goroutine") };
      const { pass, sink } = await run({ "/debug/pprof/goroutine": [answer] }, only("goroutine"));
      await pass(round, () => sink.taken.length === 1);
    });
  }

  const refusals: [string, Answer, string][] = [
    ["a status other than 2xx", { status: 404, body: "404 page not found\n" }, "http_status"],
    ["a redirect", { status: 302, headers: { location: "/elsewhere" } }, "http_status"],
    ["HTML", { headers: { "content-type": "text/html" }, body: "<html>log in</html>" }, "content_type"],
    ["HTML under a false name", { ...recordedAnswer("unknown"), body: "<!doctype html><p>hello" }, "not_pprof"],
    ["JSON under a false name", { ...recordedAnswer("unknown"), body: '{"error":"x"}' }, "not_pprof"],
    ["text", { ...recordedAnswer("unknown"), body: "goroutine 1 [running]:" }, "not_pprof"],
    ["no type", { headers: {}, body: recordedPprof("goroutine") }, "content_type"],
    ["nothing", { ...recordedAnswer("goroutine"), body: "" }, "empty"],
    ["a body past the limit", { ...recordedAnswer("allocs-2") }, "too_large"],
    ["a body without end", { ...recordedAnswer("goroutine"), endless: "repeats" }, "too_large"],
    [
      "a small body that is large once decompressed",
      { ...recordedAnswer("goroutine"), body: gzipSync(Buffer.alloc(1e6, 10)) },
      "too_large",
    ],
    [
      "a truncated body",
      { ...recordedAnswer("goroutine"), body: recordedPprof("goroutine").subarray(0, 900) },
      "not_pprof",
    ],
  ];
  for (const [what, answer, reason] of refusals) {
    it(`refuses ${what}: counted, logged once, and well again later`, async () => {
      const path = "/debug/pprof/goroutine";
      const script = { [path]: [answer], "/debug/pprof/block": [recordedAnswer("block-1"), recordedAnswer("block-2")] };
      const { pass, sink, target, metrics, lines } = await run(script, {
        ...only("goroutine", "block"),
        max_body_size: 3000,
      });
      const asked = () => target.requests.filter((request) => request.path === path).length;
      await pass(round, () => asked() === 1);
      await pass(round, () => asked() === 2 && sink.taken.length === 1);
      const errored = async () => metrics.total("otelcol_scraper_errored_profile_records");
      await pass(0);
      assert.equal(await errored(), 2);
      assert.match(await metrics.text(), new RegExp(`flamepipe_scrape_failures_total{.*reason="${reason}"} 2`));
      assert.deepEqual(
        lines.map(({ message, fields }) => [message, fields.reason, fields.profile]),
        [["A target can't be scraped", reason, "goroutine"]],
      );
      target.script({ ...script, [path]: [recordedAnswer("goroutine")] });
      await pass(round, () => named(sink, "goroutine").length === 1);
      assert.deepEqual(
        lines.map(({ message }) => message),
        ["A target can't be scraped", "A target can be scraped again"],
      );
    });
  }

  it("counts and goes on where nobody listens", async () => {
    const { pass, metrics, lines, target } = await run(all, { ...only("goroutine") });
    await target.close();
    await pass(round);
    await pass(0, () => lines.length === 1);
    assert.equal(await metrics.total("otelcol_scraper_errored_profile_records"), 1);
    assert.equal(lines[0].fields.reason, "network");
  });

  const late: [string, Answer][] = [
    ["answer", { hang: true }],
    ["end of the answer", { ...recordedAnswer("goroutine"), endless: "stalls" }],
  ];
  for (const [what, answer] of late) {
    it(`gives a target up after the timeout, where no ${what} comes; its other profiles go on`, async () => {
      const { pass, lines, sink } = await run(
        { ...all, "/debug/pprof/goroutine": [answer] },
        { ...only("goroutine", "block"), scrape_timeout: "200ms" },
      );
      await pass(round, () => lines.length === 1);
      await pass(round, () => sink.taken.length === 1);
      assert.deepEqual([lines[0].fields.reason, lines[0].fields.profile], ["timeout", "goroutine"]);
      assert.deepEqual(named(sink, "block").length, 1);
    });
  }

  it("scrapes on where a target has no mutex and block profiles, and says so once for each", async () => {
    const { "/debug/pprof/mutex": _mutex, "/debug/pprof/block": _block, ...rest } = all;
    const { pass, sink, target, lines } = await run(rest);
    await pass(round, () => target.requests.length === 5);
    await pass(round, () => target.requests.length === 10 && sink.taken.length === 5);
    const names = ["process_cpu", "goroutine", "memory"];
    assert.deepEqual(
      names.map((name) => named(sink, name).length),
      [2, 2, 1],
    );
    assert.deepEqual(lines.map(({ fields }) => [fields.profile, fields.reason]).sort(), [
      ["block", "http_status"],
      ["mutex", "http_status"],
    ]);
  });

  it("loses nothing of a difference when the pipeline refuses it", async () => {
    let refuse = true;
    const { pass, sink, target } = await run(
      { "/debug/pprof/block": [recordedAnswer("block-1"), recordedAnswer("block-2")] },
      { ...only("block") },
      {},
      {
        before: () => {
          if (refuse) throw retryable("full");
        },
      },
    );
    await pass(round, () => target.requests.length === 1);
    await pass(round, () => target.requests.length === 2);
    await pass(0);
    refuse = false;
    await pass(round, () => sink.taken.length === 1);
    assert.equal(totalsOf(profilesOf(sink.taken[0].profiles))["contentions/count"], 4n);
  });

  it("takes a fall for a new process, whose values all count", async () => {
    const { pass, sink, target, lines } = await run(
      { "/debug/pprof/allocs": [recordedAnswer("allocs-2"), recordedAnswer("allocs-1"), recordedAnswer("allocs-2")] },
      { ...only("memory") },
    );
    await pass(round, () => target.requests.length === 1);
    await pass(round, () => sink.taken.length === 1);
    await pass(round, () => sink.taken.length === 2);
    assert.equal(totalsOf(profilesOf(sink.taken[0].profiles))["alloc_space/bytes"], 86_567_077n);
    assert.equal(totalsOf(profilesOf(sink.taken[1].profiles))["alloc_space/bytes"], 983_404_078n - 86_567_077n);
    assert.deepEqual(lines, []);
  });

  it("gives up requests at shutdown, and waits for what the pipeline has", async () => {
    const script = {
      "/debug/pprof/goroutine": [recordedAnswer("goroutine")],
      "/debug/pprof/profile": [{ hang: true }],
    };
    let release = () => {};
    const { receiver, pass, sink, target, lines } = await run(
      script,
      only("goroutine", "process_cpu"),
      {},
      {
        before: () =>
          new Promise((resolve) => {
            release = resolve;
          }),
      },
    );
    let waiting = true;
    await pass(round, () => target.requests.length === 2);
    await pass(0);
    const stopped = receiver.shutdown().then(() => {
      waiting = false;
    });
    await pass(0);
    assert.deepEqual([waiting, sink.taken.length], [true, 0]);
    release();
    await stopped;
    assert.deepEqual([sink.taken.length, lines], [1, []]);
  });

  it("cuts the pipeline off when it takes too long at shutdown", async () => {
    const { receiver, pass, clock } = await run(
      { "/debug/pprof/goroutine": [recordedAnswer("goroutine")] },
      only("goroutine"),
      {},
      {
        before: (_profiles, ctx) =>
          new Promise((_, reject) => {
            ctx.signal?.addEventListener("abort", () => reject(retryable("cut off")));
          }),
      },
    );
    await pass(round);
    await pass(0, () => clock.pending === 0);
    const stopped = receiver.shutdown();
    await pass(4999);
    assert.equal(clock.pending, 1);
    await clock.advanceAsync(1);
    await stopped;
  });

  it("writes no query parameters to the log", async () => {
    const { pass, lines } = await run({}, { ...only("goroutine"), params: { token: ["s3cret"] } });
    await pass(round, () => lines.length === 1);
    assert.equal(JSON.stringify(lines).includes("s3cret"), false);
  });

  it("keeps earlier values of all targets within one bound, and frees those of a target that is gone", async () => {
    const allocs = { "/debug/pprof/allocs": [recordedAnswer("allocs-2")] };
    const target = await startTarget({});
    const list = (...shards: string[]) => {
      const groups = shards.map((shard) => ({ targets: [target.address], labels: { shard } }));
      target.script({ ...allocs, "/targets": [jsonAnswer(groups)] });
    };
    list("a", "b");
    const sink = createSink();
    const http_sd_configs = [{ url: `http://${target.address}/targets` }];
    const rig = createRig({ scrape_configs: [{ ...only("memory"), http_sd_configs }], max_delta_bytes: 3000 }, sink);
    open.push({ ...rig, target, sink });
    await rig.receiver.start(host);
    const targets = () => rig.metrics.total("flamepipe_scrape_targets");
    const bytes = () => rig.metrics.total("flamepipe_scrape_delta_bytes");
    while ((await targets()) !== 2) await rig.pass(0);
    await rig.pass(round, () => rig.lines.length === 1);
    assert.equal(rig.lines[0].fields.reason, "delta_memory");
    while ((await bytes()) === 0) await rig.pass(0);
    assert.ok((await bytes()) <= 3000, `${await bytes()} bytes`);
    list();
    while ((await targets()) !== 0) await rig.pass(60_000);
    assert.equal(await bytes(), 0);
  });

  it("takes no profile whose earlier values would not fit", async () => {
    const { pass, sink, lines, metrics } = await run(all, { ...only("memory") }, { max_delta_bytes: 500 });
    await pass(round, () => lines.length === 1);
    assert.deepEqual([lines[0].fields.reason, sink.taken.length], ["delta_memory", 0]);
    assert.match(await metrics.text(), /flamepipe_scrape_delta_bytes{receiver="pprof"} 0\n/);
  });
});
