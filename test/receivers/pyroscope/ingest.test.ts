import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { createSink } from "../../support/consumers.js";
import { post, type Reply, send } from "./client.js";
import { cpuPprof, form, formHeaders, startReceiver, summary } from "./setup.js";

const errorOf = (reply: Reply) => ({ status: reply.status, ...JSON.parse(reply.body.toString()) });
const name = encodeURIComponent("shop.orders{region=eu,__session_id__=1,__x__=2,a.b=c d=e}");

test("the name's labels and the client's name become attributes of the resource", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  for (const path of ["/ingest", "/pyroscope/ingest"]) {
    const reply = await post(port, `${path}?name=${name}&format=pprof&spyName=gospy`, {}, cpuPprof);
    assert.deepEqual([reply.status, reply.body.length], [200, 0]);
  }
  assert.equal(sink.taken.length, 2);
  const found = summary(sink.taken[1].profiles);
  assert.deepEqual(
    found.map((one) => [one.name, one.type, one.total]),
    [
      ["process_cpu", "samples/count", 63n],
      ["process_cpu", "cpu/nanoseconds", 630000000n],
    ],
  );
  assert.deepEqual(found[0].resource, {
    "service.name": "shop.orders",
    region: "eu",
    __session_id__: "1",
    "a.b": "c d=e",
    __delta__: "false",
    pyroscope_spy: "gospy",
  });
});

test("a form's sample_type_config names the profile", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const profile = { name: "profile", content: cpuPprof };
  const config = { name: "sample_type_config", content: '{"cpu":{"display-name":"block_duration"}, "samples":{}}' };
  const all = {
    name: "sample_type_config",
    content: '{"cpu":{"display-name":"block_duration"},"samples":{"display-name":"block_count"}}',
  };
  for (const body of [
    form(profile),
    form(profile, config),
    form(all, profile),
    form(profile, { name: "x", content: "" }),
  ])
    assert.equal((await post(port, "/ingest?name=a", formHeaders, body)).status, 200);
  assert.deepEqual(
    sink.taken.map(({ profiles }) => summary(profiles)[0].name),
    ["process_cpu", "block", "block", "process_cpu"],
  );
});

test("the time of the query stands in for one that a pprof doesn't have", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  // sample_type { type 1, unit 2 }, sample { value 1 }, strings "", "wall", "count"
  const pprof = Buffer.concat([
    Buffer.from([0x0a, 4, 8, 1, 16, 2, 0x12, 3, 0x12, 1, 1, 0x32, 0]),
    Buffer.from([0x32, 4]),
    Buffer.from("wall"),
    Buffer.from([0x32, 5]),
    Buffer.from("count"),
  ]);
  for (const from of ["1795353592", "1795353592000", "1795353592000000", "1795353592000000000"])
    assert.equal((await post(port, `/ingest?name=a&format=pprof&from=${from}`, {}, pprof)).status, 200);
  for (const { profiles } of sink.taken) {
    const [one] = summary(profiles);
    assert.deepEqual([one.name, one.timeUnixNano, one.total], ["wall", 1795353592000000000n, 1n]);
  }
});

test("stacks in every spelling", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const at = "from=1795353592&until=1795353602";
  const trie = Buffer.from("\0\0\x01\x05main;\0\x02\x08validate\x03\0\tserialize\x05\0", "latin1");
  const tree = Buffer.from("\0\0\x01\x04main\0\x02\x08validate\x03\0\tserialize\x05\0", "latin1");
  const groups = "main;validate 1\r\nmain;validate 2\n\nmain;serialize 5\n";
  const lines = "main;validate\nmain;serialize\nmain;validate\n";
  const speedscope = JSON.stringify({
    $schema: "https://www.speedscope.app/file-format-schema.json",
    shared: { frames: [{ name: "main" }] },
    profiles: [
      { type: "sampled", name: "x", unit: "milliseconds", startValue: 0, endValue: 8, samples: [[0]], weights: [8] },
    ],
  });
  const bodies: [string, string | Buffer, Record<string, string>][] = [
    [`format=groups&${at}`, groups, {}],
    [`${at}`, groups, {}],
    [`format=trie&${at}`, trie, {}],
    [`${at}`, tree, { "content-type": "binary/octet-stream+tree" }],
    [`format=lines&${at}`, lines, {}],
    [`format=groups&${at}&sampleRate=50`, gzipSync(groups), { "content-encoding": "gzip" }],
    [`format=speedscope&${at}`, speedscope, {}],
  ];
  for (const [query, body, headers] of bodies) {
    const reply = await post(port, `/ingest?name=shop.orders.cpu&${query}`, headers, body);
    assert.equal(reply.status, 200, reply.body.toString());
  }
  const found = sink.taken.map(({ profiles }) => summary(profiles)[0]);
  assert.deepEqual(
    found.map(({ total }) => total),
    [80_000_000n, 80_000_000n, 80_000_000n, 80_000_000n, 30_000_000n, 160_000_000n, 8_000_000n],
  );
  for (const one of found) {
    assert.deepEqual(
      [one.name, one.type, one.timeUnixNano, one.durationNano, one.resource["service.name"]],
      ["process_cpu", "cpu/nanoseconds", 1795353592000000000n, 10_000_000_000n, "shop.orders"],
    );
  }
  assert.deepEqual(
    sink.taken.slice(0, 6).map(({ profiles }) => profiles.sampleCount),
    [2, 2, 2, 2, 2, 2],
  );
});

test("a speedscope file is what the name says, its profiles by their own units", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const profile = (unit: string, ...weights: number[]) => {
    const [start, end] = [0, weights.reduce((sum, weight) => sum + weight, 0)];
    const samples = weights.map(() => [0]);
    return { type: "sampled", name: unit, unit, startValue: start, endValue: end, samples, weights };
  };
  const file = (...profiles: object[]) =>
    JSON.stringify({
      $schema: "https://www.speedscope.app/file-format-schema.json",
      shared: { frames: [{ name: "main" }] },
      profiles,
    });
  for (const [name, body] of [
    ["a.cpu", file(profile("none", 3, 5))],
    ["a.cpu&sampleRate=50", file(profile("none", 8))],
    ["a.wall", file(profile("microseconds", 8.5), profile("seconds", 2))],
    ["a.alloc_space", file(profile("bytes", 4096))],
    ["a.alloc_objects", file(profile("none", 7))],
  ]) {
    const reply = await post(port, `/ingest?format=speedscope&name=${name}`, {}, body);
    assert.equal(reply.status, 200, reply.body.toString());
  }
  const found = sink.taken.flatMap(({ profiles }) => summary(profiles));
  assert.deepEqual(
    found.map(({ name, type, period, total }) => [name, type, period, total]),
    [
      ["process_cpu", "cpu/nanoseconds", "cpu/nanoseconds 10000000", 80_000_000n],
      ["process_cpu", "cpu/nanoseconds", "cpu/nanoseconds 20000000", 160_000_000n],
      ["wall", "wall/nanoseconds", "cpu/nanoseconds 10000000", 8500n],
      ["wall", "wall/nanoseconds", "cpu/nanoseconds 10000000", 2_000_000_000n],
      ["memory", "alloc_space/bytes", "/ 0", 4096n],
      ["memory", "alloc_objects/count", "/ 0", 7n],
    ],
  );
  assert.equal(new Set(found.map(({ capture }) => capture)).size, 6);
});

test("what Pyroscope takes in odd spellings is taken, with the totals that it stores", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const trie = { "content-type": "binary/octet-stream+trie" };
  const roots = Buffer.from("\0\0\x01\x01a\x03\0\x01z\x04\0", "latin1");
  const profile = { name: "profile", content: cpuPprof };
  const old = { name: "prev_profile", content: "" };
  const cases: [number, string, Record<string, string>, Buffer | string][] = [
    [30_000_000, "a&format=groups", {}, "main;work 3"],
    [30_000_000, "a&format=groups", {}, "main +3\n"],
    [50_000_000, "a&format=groups", {}, "#main 3\n# b 2\r\n\n"],
    [20_000_000, "a&format=lines", {}, " \n#x\n"],
    [70_000_000, "a&format=trie", {}, roots],
    [70_000_000, "a&format=pprof", trie, roots],
    [630_000_063, "a&format=groups", formHeaders, form(profile)],
    [630_000_063, "a&format=folded", formHeaders, form(profile)],
    [630_000_063, "a&format=pprof", formHeaders, form(profile)],
    [630_000_063, "a", formHeaders, form(profile, old)],
    [630_000_063, "a", formHeaders, form(profile, profile)],
  ];
  for (const [total, query, headers, body] of cases) {
    const before = sink.taken.length;
    const reply = await post(port, `/ingest?name=${query}`, headers, body);
    assert.equal(reply.status, 200, `${query} ${reply.body}`);
    const totals = summary(sink.taken[before].profiles).map((one) => Number(one.total));
    assert.equal(
      totals.reduce((sum, value) => sum + value, 0),
      total,
      query,
    );
  }
});

test("what is wrong is refused with 4xx and a reason, and nothing of it goes further", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink, { max_request_body_size: 20_000 });
  const ok = { name: "profile", content: cpuPprof };
  const cut = form(ok).subarray(0, -10);
  const stacks = "/ingest?name=a.cpu&format=";
  const deep = Buffer.concat([...Array(5000).fill(Buffer.from([1, 0x61, 0, 1])), Buffer.from([1, 0x61, 1, 0])]);
  const cases: [number, RegExp, string, Record<string, string>, Buffer | string][] = [
    [400, /name/, "/ingest?format=pprof", {}, cpuPprof],
    [400, /":" is not allowed/, "/ingest?name=a:b&format=pprof", {}, cpuPprof],
    [400, /"-" is not allowed/, "/ingest?name=a{b-c=d}&format=pprof", {}, cpuPprof],
    [400, /service_name is empty/, "/ingest?name=a{service_name=}&format=pprof", {}, cpuPprof],
    [400, /without a name/, "/ingest?name=a{=b}&format=pprof", {}, cpuPprof],
    [400, /no body/, "/ingest?name=a&format=pprof", {}, ""],
    [400, /pprof/, "/ingest?name=a&format=pprof", {}, cpuPprof.subarray(0, 3000)],
    [400, /HTML/, "/ingest?name=a&format=pprof", {}, "<!doctype html><html>"],
    [413, /larger/, "/ingest?name=a&format=pprof", {}, gzipSync(Buffer.alloc(30_000))],
    [413, /larger/, "/ingest?name=a&format=pprof", {}, Buffer.alloc(20_001)],
    [400, /boundary/, "/ingest?name=a", { "content-type": "multipart/form-data" }, form(ok)],
    [400, /does not occur/, "/ingest?name=a", { "content-type": "multipart/form-data; boundary=zz" }, form(ok)],
    [400, /cut short/, "/ingest?name=a", formHeaders, cut],
    [400, /headers/, "/ingest?name=a", formHeaders, form(ok).subarray(0, 30)],
    [400, /"profile" is missing/, "/ingest?name=a", formHeaders, form({ name: "other", content: "x" })],
    [400, /comes twice/, "/ingest?name=a", formHeaders, form(ok, { ...ok, content: "x" })],
    [
      400,
      /more than 32/,
      "/ingest?name=a",
      formHeaders,
      form(...Array.from({ length: 40 }, (_, i) => ({ name: `${i}`, content: "" }))),
    ],
    [400, /duplicate label name: 'pyroscope_spy'/, "/ingest?name=a{pyroscope_spy=x}&format=pprof", {}, cpuPprof],
    [400, /too old/, "/ingest?name=a", formHeaders, form(ok, { name: "prev_profile", content: "x" })],
    [400, /sample_type_config/, "/ingest?name=a", formHeaders, form(ok, { name: "sample_type_config", content: "[" })],
    [400, /no bytes/, "/ingest?name=a", formHeaders, form({ name: "profile", content: "" })],
    [400, /unknown profile type/, "/ingest?name=a.b", {}, "main 1"],
    [400, /line 2/, `${stacks}groups`, {}, "main 1\n# main"],
    [400, /unknown profile type/, "/ingest?name=.cpu", {}, "main 1"],
    [400, /line 2/, `${stacks}groups`, {}, "main 1\nmain 1.5"],
    [400, /UTF-8/, `${stacks}lines`, {}, Buffer.from([0xff])],
    [400, /bytes behind/, `${stacks}tree`, {}, Buffer.from([0, 0, 1, 1, 0x61, 1, 0, 0])],
    [400, /more children/, `${stacks}tree`, {}, Buffer.from([1, 0x61, 1, 9])],
    [400, /cut short/, `${stacks}trie`, {}, Buffer.from([9, 0x61, 1, 0])],
    [400, /without a stack/, `${stacks}trie`, {}, Buffer.from([0, 1, 0])],
    [413, /levels/, `${stacks}trie`, {}, deep.subarray(deep.length - 20_000)],
    [400, /no samples/, `${stacks}trie`, {}, Buffer.from([1, 0x61, 0, 0])],
    [400, /speedscope/, `${stacks}speedscope`, {}, "{}"],
    [400, /gzip/, `${stacks}groups`, { "content-encoding": "gzip" }, "main 1"],
  ];
  for (const [status, message, url, headers, body] of cases) {
    const error = errorOf(await post(port, encodeURI(url), headers, body));
    assert.deepEqual([error.status, error.code], [status, "invalid_argument"], `${message} ${error.message}`);
    assert.match(error.message, message);
  }
  const put = await send(port, { method: "GET", url: "/ingest?name=a", headers: {}, body: Buffer.alloc(0) });
  assert.equal(put.status, 405);
  assert.equal(sink.taken.length, 0);
});
