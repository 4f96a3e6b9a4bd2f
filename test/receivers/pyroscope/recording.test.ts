import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { bytesField } from "../../../src/proto/small-wire.js";
import { createSink } from "../../support/consumers.js";
import { cpuMs } from "../../support/cpu-ms.js";
import { multipartOf } from "../../support/multipart.js";
import { profilesOf } from "../../support/pprof-cases.js";
import { createRandom, mutate } from "../../support/random.js";
import { post, recordedRequest, send } from "./client.js";
import { form, formHeaders, gzip, startReceiver, summary } from "./setup.js";

const parts = (number: number) => multipartOf(`test/fixtures/wire/pyroscope-java/000${number}.bin`);
const jfr = parts(1).get("jfr") ?? Buffer.alloc(0);
const labels = parts(1).get("labels") ?? Buffer.alloc(0);
const url = "/ingest?name=shop.java&format=jfr&from=1795353592&until=1795353602&sampleRate=100";

/** What Pyroscope stored of 0001: sums by name and type. */
const stored = [
  ["process_cpu", "cpu/nanoseconds", 340_000_000n],
  ["memory", "alloc_in_new_tlab_objects/count", 19n],
  ["memory", "alloc_in_new_tlab_bytes/bytes", 9_961_472n],
  ["mutex", "contentions/count", 156n],
  ["mutex", "delay/nanoseconds", 3_296_291_801n],
] as const;
const sorted = <T>(rows: readonly T[]): string[] => rows.map((row) => String(row)).sort();

test("the recordings of the Java agent arrive with its labels and times, CPU as its sampleRate says", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  for (const number of [1, 2, 3, 4]) {
    const reply = await send(port, recordedRequest(`pyroscope-java/000${number}`));
    assert.equal(reply.status, 200, reply.body.toString());
  }
  const cpu = sink.taken.map(({ profiles }) => summary(profiles).find(({ type }) => type === "cpu/nanoseconds"));
  assert.deepEqual(
    cpu.map((one) => [one?.name, one?.period, one?.total]),
    [340_000_000n, 480_000_000n, 390_000_000n, 390_000_000n].map((total) => [
      "process_cpu",
      "cpu/nanoseconds 10000000",
      total,
    ]),
  );
  assert.deepEqual(cpu[0]?.resource, {
    "service.name": "shop.java.stock",
    __delta__: "false",
    env: "staging",
    jfr_event: "itimer",
    "otel.scope.name": "com.grafana.pyroscope/java",
    "otel.scope.version": "2.9.2",
    "process.runtime.name": "OpenJDK Runtime Environment",
    "process.runtime.version": "17.0.15+6-Debian-1deb12u1",
    pyroscope_spy: "javaspy",
    region: "eu-west",
    version: "1.4.2",
  });
  assert.deepEqual([cpu[0]?.timeUnixNano, cpu[0]?.durationNano], [1_795_353_607_000_000_000n, 4_000_000_000n]);
});

test("with and without a form, labels and gzip, whole or in chunks", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const plain = gunzipSync(jfr);
  const whole = form({ name: "labels", content: labels }, { name: "jfr", content: jfr });
  const bodies: [string, Record<string, string>, Buffer][] = [
    [url, formHeaders, whole],
    [url, formHeaders, form({ name: "jfr", content: plain }, { name: "labels", content: gunzipSync(labels) })],
    [url, formHeaders, form({ name: "jfr", content: plain }, { name: "labels", content: "" })],
    [url, formHeaders, form({ name: "jfr", content: jfr })],
    [url, { "content-type": "application/octet-stream" }, jfr],
    [url, {}, plain],
    [url, { "content-encoding": "gzip" }, gzip(plain)],
    [`${url}&sampleRate=`, {}, jfr],
  ];
  for (const [to, headers, body] of bodies) {
    const reply = await post(port, to, headers, body);
    assert.deepEqual([reply.status, reply.body.length], [200, 0], reply.body.toString());
  }
  const status = await new Promise((resolve, reject) => {
    const call = httpRequest({
      host: "127.0.0.1",
      port,
      path: url,
      method: "POST",
      headers: formHeaders,
      agent: false,
    });
    call.on("response", (reply) => resolve(reply.resume().statusCode)).on("error", reject);
    for (let at = 0; at < whole.length; at += 1000) call.write(whole.subarray(at, at + 1000));
    call.end();
  });
  assert.equal(status, 200);
  assert.equal(sink.taken.length, bodies.length + 1);
  for (const { profiles } of sink.taken) {
    const found = summary(profiles).map(({ name, type, total }) => [name, type, total]);
    assert.deepEqual(sorted(found), sorted(stored));
  }
  const samplesWithLabels = sink.taken.map(({ profiles }) => {
    const [cpu] = profilesOf(profiles);
    return cpu.columns().attrSets.filter((set) => set.length > 0).length;
  });
  assert.deepEqual(samplesWithLabels, [2, 2, 0, 0, 0, 0, 0, 0, 2]);
});

test("sampleRate scales CPU; 0 leaves it to the recording, and a second name is kept", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const name = encodeURIComponent("shop.java{service_name=stock,__session_id__=7,__other__=1}");
  for (const rate of ["50", "0", "-5", "abc"]) {
    const reply = await post(port, `/ingest?name=${name}&format=jfr&sampleRate=${rate}`, {}, jfr);
    assert.equal(reply.status, 200, reply.body.toString());
  }
  const cpu = sink.taken.map(({ profiles }) => summary(profiles)[0]);
  assert.deepEqual(
    cpu.map(({ total }) => total),
    [680_000_000n, 340_000_000n, 340_000_000n, 340_000_000n],
  );
  assert.deepEqual(
    [cpu[0].resource["service.name"], cpu[0].resource.app_name, cpu[0].resource.__session_id__],
    ["stock", "shop.java", "7"],
  );
  assert.equal(cpu[0].resource.__other__, undefined);
});

test("what is no recording, too large, or beside a form's fields is refused with a reason", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink, { max_request_body_size: 60_000 });
  const plain = gunzipSync(jfr);
  const bomb = gzip(Buffer.concat([plain, plain]));
  assert.ok(plain.length < 60_000 && bomb.length < 60_000 && 2 * plain.length > 60_000);
  const broken = { name: "labels", content: bytesField(1, Buffer.from([0x0a, 9])) };
  const cases: [number, RegExp, Record<string, string>, Buffer | string][] = [
    [400, /no body/, {}, ""],
    [400, /no recording \(it looks like text/, {}, "main;work 1"],
    [400, /"jfr" is missing/, formHeaders, form({ name: "labels", content: labels })],
    [400, /"jfr" is missing/, formHeaders, form({ name: "profile", content: jfr })],
    [400, /no recording/, formHeaders, form({ name: "jfr", content: "" })],
    [400, /gzip/, formHeaders, form({ name: "jfr", content: jfr.subarray(0, 5000) })],
    [400, /jfr labels/, formHeaders, form({ name: "jfr", content: jfr }, broken)],
    [
      400,
      /jfr labels: gzip/,
      formHeaders,
      form({ name: "jfr", content: jfr }, { name: "labels", content: Buffer.from([0x1f, 0x8b]) }),
    ],
    [413, /larger than 60000 bytes/, {}, bomb],
    [413, /larger than 60000 bytes/, formHeaders, form({ name: "jfr", content: bomb })],
    [413, /labels: larger/, formHeaders, form({ name: "jfr", content: jfr }, { name: "labels", content: bomb })],
    [413, /larger/, {}, Buffer.concat([plain, plain])],
    [400, /sampleRate/, { "x-rate": "2000000000" }, jfr],
  ];
  for (const [status, message, { "x-rate": rate = "100", ...headers }, body] of cases) {
    const reply = await post(port, `/ingest?name=shop.java&format=jfr&sampleRate=${rate}`, headers, body);
    const error = JSON.parse(reply.body.toString());
    assert.deepEqual([reply.status, error.code], [status, "invalid_argument"], `${message} ${error.message}`);
    assert.match(error.message, message);
  }
  assert.equal(sink.taken.length, 0);
});

test("cut short anywhere it is refused; with changed bytes refused, or taken as a whole", async (t) => {
  const sink = createSink();
  const { port } = await startReceiver(t, sink);
  const plain = gunzipSync(jfr);
  const whole = form({ name: "jfr", content: jfr }, { name: "labels", content: labels });
  for (let length = 1; length < whole.length; length += 997) {
    const asForm = await post(port, url, formHeaders, whole.subarray(0, length));
    const alone = await post(port, url, {}, plain.subarray(0, length * 2));
    assert.deepEqual([asForm.status, alone.status], [400, 400], `${length}`);
  }
  const random = createRandom(7);
  let refused = 0;
  for (let round = 0; round < 150; round++) {
    const content = round % 2 ? mutate(plain, random) : plain;
    const beside = round % 2 ? labels : mutate(gunzipSync(labels), random);
    const before = sink.taken.length;
    const began = cpuMs();
    const body = form({ name: "jfr", content }, { name: "labels", content: beside });
    const reply = await post(port, url, formHeaders, body);
    assert.ok(cpuMs() - began < 5000);
    if (reply.status !== 200) {
      refused++;
      assert.ok(reply.status === 400 || reply.status === 413, `${reply.status}`);
      assert.match(JSON.parse(reply.body.toString()).message, /^jfr|no samples/);
    }
    assert.equal(sink.taken.length - before, reply.status === 200 ? 1 : 0);
  }
  assert.ok(refused > 10 && sink.taken.length > 10, `${refused} refused, ${sink.taken.length} taken`);
});
