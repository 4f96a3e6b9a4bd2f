import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { TooLargeError } from "../../src/codec/invalid.js";
import { decodePprof } from "../../src/codec/pprof-decode.js";
import { encodePprofs } from "../../src/codec/pprof-file.js";
import { Profiles } from "../../src/pdata/profiles.js";
import { recordedRequest, send, type WireRequest } from "../receivers/pyroscope/client.js";
import {
  form,
  formHeaders,
  pushHeaders,
  pushPath,
  pushRequest,
  type SeriesInput,
} from "../receivers/pyroscope/setup.js";
import { withPipelines } from "../support/build-from-yaml.js";
import { freePort } from "../support/free-port.js";
import { caseBytes, pprofCases, profilesOf, totalsOf } from "../support/pprof-cases.js";
import { decodePush, pprofMeaning, decodePprof as readPprof } from "../support/pprof-oracle.js";
import { startPyroscopeDouble } from "../support/pyroscope-double.js";
import { createTestComponents } from "../support/test-components.js";

const folder = "test/fixtures/wire/net-http-pprof";
const cpu = readFileSync(`${folder}/profile-acceptgzip-2s.pb.gz`);
const heap = readFileSync(`${folder}/heap.pb.gz`);
const labels = { __name__: "process_cpu", service_name: "shop.orders", region: "eu" };
const cpuPush: SeriesInput = { labels, profiles: [cpu] };
const team = { relabel: '{rules: [{source_labels: [service_name], regex: "shop.(.*)", target_label: team}]}' };

interface Route {
  readonly processors?: Readonly<Record<string, string>>;
  /** Keys of the exporter, each with a comma in front. */
  readonly exporter?: string;
  /** Looks at each batch beside the exporter. */
  readonly beside?: (batch: Profiles) => void;
}

interface Outcome {
  /** Labels and pprof of each push, in the order of their coming. */
  readonly sent: readonly { readonly labels: Readonly<Record<string, string>>; readonly pprof: Buffer }[];
  /** What the senders were answered. */
  readonly answers: readonly number[];
  readonly metrics: string;
}

/** Sends requests, all at once, through receiver -> processors -> exporter to a double of Pyroscope. */
async function through(requests: readonly WireRequest[], route: Route = {}): Promise<Outcome> {
  const double = await startPyroscopeDouble();
  double.intercept = () => ({ status: 200 });
  try {
    const port = await freePort();
    const test = createTestComponents((_id, profiles) => route.beside?.(profiles));
    let answers: number[] = [];
    const work = async () => {
      const replies = await Promise.all(requests.map((request) => send(port, request)));
      answers = replies.map(({ status }) => status);
    };
    const { metrics } = await withPipelines(configuration(port, double.url, route), work, { test });
    const sent = double.pushes.map(({ body, labels: seen }) => {
      const { series } = decodePush(body);
      assert.deepEqual([series.length, series[0].samples.length], [1, 1]);
      return { labels: seen, pprof: series[0].samples[0].raw_profile as Buffer };
    });
    return { sent, answers, metrics: await metrics.text() };
  } finally {
    await double.close();
  }
}

function configuration(port: number, backend: string, { processors = team, exporter = "", beside }: Route): string {
  return `
receivers: {pyroscope: {endpoint: "127.0.0.1:${port}"}}
processors: {${Object.entries(processors).map(([id, config]) => `${id}: ${config}`)}}
exporters:
  pyroscope: {endpoint: "${backend}"${exporter}}
  ${beside ? "sink: {}" : ""}
service:
  pipelines:
    profiles:
      receivers: [pyroscope]
      processors: [${Object.keys(processors)}]
      exporters: [${beside ? "sink, " : ""}pyroscope]
`;
}

const post = (url: string, headers: Record<string, string>, body: Buffer): WireRequest => ({
  method: "POST",
  url,
  headers,
  body,
});
const push = (...series: SeriesInput[]): WireRequest => post(pushPath, pushHeaders, pushRequest(...series));

/** True if what was sent is what came, byte for byte. */
const same = ({ sent: [first] }: Outcome, bytes: Buffer): boolean => first.pprof.equals(bytes);

test("a pprof that no rule touches leaves as it came, with the labels that the rules made", async () => {
  const outcome = await through([push(cpuPush)]);
  assert.deepEqual(outcome.answers, [200]);
  assert.deepEqual(outcome.sent[0].labels, { ...labels, team: "orders" });
  assert.ok(same(outcome, cpu));
  const samples = 2 * samplesOf(cpu);
  assert.match(outcome.metrics, new RegExp(`otelcol_receiver_accepted_profile_samples{[^}]*} ${samples}\n`));
  assert.match(outcome.metrics, new RegExp(`otelcol_processor_outgoing_items{[^}]*} ${samples}\n`));
  assert.match(outcome.metrics, new RegExp(`otelcol_exporter_sent_profile_samples{[^}]*} ${samples}\n`));
});

/** Samples of a pprof as it stands in the file. */
function samplesOf(bytes: Buffer): number {
  return decodePprof(bytes, []).sampleCount / pprofMeaning(bytes).types.length;
}

test("several series and profiles in one push leave each as it came, under their own labels", async () => {
  const users = { __name__: "memory", service_name: "shop.users" };
  const body = push({ labels, profiles: [cpu, heap] }, { labels: users, profiles: [heap] });
  const { sent } = await through([body]);
  const seen = sent.map(({ labels: { service_name, team: made }, pprof }) => [
    service_name,
    made,
    pprof.toString("hex"),
  ]);
  const hex = [cpu, heap].map((bytes) => bytes.toString("hex"));
  const expected = [
    ["shop.orders", "orders", hex[0]],
    ["shop.orders", "orders", hex[1]],
    ["shop.users", "users", hex[1]],
  ];
  assert.deepEqual(seen.sort(), expected.sort());
});

test("the recorded clients' pprofs leave as they came, from Push and from /ingest", async () => {
  const goForm = recordedRequest("pyroscope-go/0005");
  const node = recordedRequest("pyroscope-nodejs/0003");
  const python = recordedRequest("pyroscope-io-python/0001");
  for (const request of [goForm, node, python]) {
    const { sent } = await through([request]);
    // Python's are plain; they are compressed on their way.
    const source = request === python ? gunzipSync(request.body) : request.body;
    const parts = sent.map(({ pprof }) => (request === python ? gunzipSync(pprof) : pprof));
    assert.ok(parts.length > 0 && parts.every((part) => source.includes(part)), request.url);
    assert.ok(
      sent.every((one) => one.labels.__name__ !== undefined && one.labels.team !== undefined),
      request.url,
    );
  }
});

test("a plain pprof is compressed as configured; one that is gzip stays so", async () => {
  const plain = gunzipSync(cpu);
  const plainPush = push({ labels, profiles: [plain] });
  const zipped = await through([plainPush]);
  assert.ok(gunzipSync(zipped.sent[0].pprof).equals(plain));
  assert.ok(same(await through([plainPush], { exporter: ", compression: none" }), plain));
  assert.ok(same(await through([push(cpuPush)], { exporter: ", compression: none" }), cpu));
});

test("who looks inside without changing anything leaves the bytes alone, whoever comes first", async () => {
  const looks = [
    (batch: Profiles) => void batch.encode(),
    (batch: Profiles) => void batch.resources.map(({ scopes }) => scopes.map(({ profiles }) => profiles.length)),
  ];
  for (const beside of looks) {
    let seen = 0;
    const outcome = await through([push(cpuPush)], {
      beside: (batch) => {
        beside(batch);
        seen += Profiles.parse(Buffer.concat(batch.encode())).sampleCount;
      },
    });
    assert.ok(same(outcome, cpu));
    assert.equal(seen, decodePprof(cpu, []).sampleCount);
  }
  const rules = "{context: profile, rules: [{source_labels: [nothing], regex: x, action: drop}]}";
  assert.ok(same(await through([push(cpuPush)], { processors: { relabel: rules } }), cpu));
});

test("an edit of samples or profiles has the pprof encoded anew, without what was removed", async () => {
  const canary = "canary-4711";
  const shape = pprofCases().find(({ name }) => name === "labels-sixty");
  const source = caseBytes(shape as { file: string });
  const marked = readPprof(source);
  const label = marked.string_table[Number(marked.sample[0].label[0].key)] as string;
  const index = Number(marked.sample[0].label[0].str);
  const text = marked.string_table[index] as string;
  assert.ok(index > 0);
  const plain = gunzipSync(source);
  const at = plain.indexOf(text);
  const swapped = Buffer.concat([
    plain.subarray(0, at - 1),
    Buffer.from([canary.length]),
    Buffer.from(canary),
    plain.subarray(at + Buffer.byteLength(text)),
  ]);
  const request = push({ labels, profiles: [swapped] });
  const kept = await through([request], { exporter: ", compression: none" });
  assert.ok(same(kept, swapped) && kept.sent[0].pprof.includes(canary));
  const processors = { attributes: `{context: sample, actions: [{key: "${label}", action: delete}]}` };
  const edited = await through([request], { processors, exporter: ", compression: none" });
  assert.ok(!edited.sent[0].pprof.includes(canary));
  assert.deepEqual(pprofMeaning(edited.sent[0].pprof).totals, pprofMeaning(source).totals);
  const renamed = await through([push(cpuPush)], {
    processors: { relabel: "{context: profile, rules: [{target_label: __type__, replacement: other}]}" },
  });
  assert.deepEqual(pprofMeaning(renamed.sent[0].pprof).types, ["other/count", "other/nanoseconds"]);
  const fewer = await through([push(cpuPush)], {
    processors: { relabel: "{context: profile, rules: [{source_labels: [__type__], regex: samples, action: drop}]}" },
  });
  assert.deepEqual(pprofMeaning(fewer.sent[0].pprof).types, ["cpu/nanoseconds"]);
});

test("dropped series leave nothing, the others go as they came", async () => {
  const processors = { relabel: "{rules: [{source_labels: [service_name], regex: shop.users, action: drop}]}" };
  const users = { ...labels, service_name: "shop.users" };
  const outcome = await through([push(cpuPush, { labels: users, profiles: [heap] })], { processors });
  assert.deepEqual([outcome.answers, outcome.sent.length], [[200], 1]);
  assert.ok(same(outcome, cpu));
  const lost = decodePprof(heap, []).sampleCount;
  assert.match(outcome.metrics, new RegExp(`flamepipe_dropped_samples_total{[^}]*reason="filtered"} ${lost}\n`));
});

test("requests that a batch has joined leave as they came; joined with others they arrive whole", async () => {
  const requests = [push(cpuPush), push({ labels: { ...labels, region: "us" }, profiles: [heap] }), push(cpuPush)];
  const batch = "{timeout: 100ms, send_batch_size: 100000}";
  const { sent, answers } = await through(requests, { processors: { batch } });
  assert.deepEqual(answers, [200, 200, 200]);
  const seen = sent.map(({ labels: { region }, pprof }) => `${region} ${pprof.equals(region === "eu" ? cpu : heap)}`);
  assert.deepEqual(seen.sort(), ["eu true", "eu true", "us true"]);
  const odd = caseBytes(pprofCases().find(({ name }) => name === "unknown-fields") as never);
  const mixed = [push(cpuPush), push({ labels: { ...labels, region: "us" }, profiles: [odd] })];
  const joined = await through(mixed, { processors: { batch } });
  const totals = joined.sent.map(({ labels: { region }, pprof }) => [region, pprofMeaning(pprof).totals]);
  assert.deepEqual(
    new Map(totals as [string, object][]),
    new Map([
      ["eu", pprofMeaning(cpu).totals],
      ["us", pprofMeaning(odd).totals],
    ]),
  );
});

test("what Pyroscope would refuse or misread as it is, is encoded anew", async () => {
  const old = { labels, profiles: [caseBytes(pprofCases().find(({ name }) => name === "no-time-no-period") as never)] };
  const timeless = await through([push(old)]);
  assert.ok(BigInt(pprofMeaning(timeless.sent[0].pprof).time) > 1_700_000_000_000_000_000n);
  const many = caseBytes(pprofCases().find(({ name }) => name === "big-20k") as never);
  const split = await through([push({ labels, profiles: [many] })]);
  assert.equal(split.sent.length, 2);
  assert.ok(split.sent.every(({ pprof }) => samplesOf(pprof) <= 16_000));
  assert.deepEqual(sums(split.sent.map(({ pprof }) => pprof)), sums([many]));
  const counts = encodePprofs(decodePprof(cpu, []))[0].bytes;
  const dashed = Buffer.from(counts);
  dashed.write("samp-es", dashed.indexOf("samples"));
  const types = await through([push({ labels, profiles: [dashed] })]);
  assert.deepEqual(pprofMeaning(types.sent[0].pprof).types, ["samp_es/count", "cpu/nanoseconds"]);
});

test("profiles that are too old are dropped and counted, though nobody decoded them", async () => {
  const { sent, metrics } = await through([push(cpuPush)], { exporter: ", drop_older_than: 1ms" });
  assert.equal(sent.length, 0);
  const lost = decodePprof(cpu, []).sampleCount;
  assert.match(metrics, new RegExp(`flamepipe_dropped_samples_total{[^}]*reason="too_old"} ${lost}\n`));
});

test("every shape has the decoder's verdict; nothing of a refused request leaves, the rest arrives whole", async () => {
  const shapes = pprofCases().map((shape) => ({ ...shape, bytes: caseBytes(shape) }));
  const requests = shapes.flatMap(({ name, bytes }) => [
    push({ labels: { ...labels, service_name: `a-${name}` }, profiles: [cpu, bytes] }),
    post(`/ingest?name=b-${name}`, formHeaders, form({ name: "profile", content: bytes })),
  ]);
  const { answers, sent } = await through(requests);
  const odd: string[] = [];
  const arrived = new Map<string, Buffer[]>();
  for (const { labels: seen, pprof } of sent) {
    arrived.set(seen.service_name, [...(arrived.get(seen.service_name) ?? []), pprof]);
  }
  for (const [i, { name, bytes, samples }] of shapes.entries()) {
    const verdict = statusOf(bytes);
    const alone = verdict === 200 && samples === 0 ? 400 : verdict;
    assert.deepEqual(answers.slice(2 * i, 2 * i + 2), [verdict, alone], name);
    const [beside, single] = [arrived.get(`a-${name}`) ?? [], arrived.get(`b-${name}`) ?? []];
    assert.equal(beside.length > 0, verdict === 200, name);
    assert.equal(single.length > 0, alone === 200, name);
    if (alone !== 200) continue;
    assert.deepEqual(sums(single), sums([bytes]), name);
    assert.deepEqual(sums(beside), sums([cpu, bytes]), name);
    if (!beside.some((pprof) => pprof.equals(cpu))) odd.push(name);
  }
  // What is out of the ordinary has its whole request decoded.
  const expected = ["label-no-key", "deep-20000", "unknown-fields"];
  assert.deepEqual(odd, [...expected, "unknown-mapping", "utf8-bad-name", "utf8-bad-label", "utf8-bad-unused"]);
});

/** What a receiver answers to this pprof, by the decoder. */
function statusOf(bytes: Buffer): number {
  try {
    decodePprof(bytes, []);
    return 200;
  } catch (error) {
    return error instanceof TooLargeError ? 413 : 400;
  }
}

/** Sums by type over several pprofs, counts of CPU samples as the time that Pyroscope's agents make of them. */
function sums(pprofs: readonly Buffer[]): Map<string, bigint> {
  const all = new Map<string, bigint>();
  for (const pprof of pprofs) {
    const profiles = profilesOf(decodePprof(pprof, []));
    const totals = totalsOf(profiles);
    const { periodType, period } = profiles[0];
    if (periodType.type === "cpu" && !("cpu/nanoseconds" in totals)) {
      totals["cpu/nanoseconds"] = totals["samples/count"] * period;
      delete totals["samples/count"];
    }
    for (const [type, total] of Object.entries(totals)) all.set(type, (all.get(type) ?? 0n) + total);
  }
  return all;
}

test("a pprof that lies about its length is refused", async () => {
  const lying = gzipSync(gunzipSync(cpu));
  lying.writeUInt32LE(1, lying.length - 4);
  const { answers, sent } = await through([push({ labels, profiles: [cpu, lying] })]);
  assert.deepEqual([answers, sent.length], [[400], 0]);
});
