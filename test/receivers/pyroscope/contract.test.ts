import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import type { Service } from "../../../src/service/service.js";
import { buildFromYaml } from "../../support/build-from-yaml.js";
import { freePort } from "../../support/free-port.js";
import { type PyroscopeDouble, startPyroscopeDouble } from "../../support/pyroscope-double.js";
import { grpcStatus, isTaken, type Reply, send } from "./client.js";

/*
 * Every recorded request to a real Pyroscope, sent to receivers/pyroscope (OTLP to receivers/otlp) -> exporters/pyroscope
 * -> a stand-in for Pyroscope. What a client is told and what is stored has to be what it was without us in between.
 */

interface Case {
  name: string;
  method: string;
  url: string;
  http2: boolean;
  headers: Record<string, string>;
  body?: string;
  recorded?: string;
  answer: { status: number; grpcStatus?: number; code?: string };
  stored?: Record<string, string>;
}

function casesOf(file: string): Case[] {
  return JSON.parse(readFileSync(`test/fixtures/wire/pyroscope-contract/${file}`, "utf8")).cases;
}

const cases = [...casesOf("receive.json"), ...casesOf("otlp.json")];

interface Difference {
  readonly why: string;
  readonly taken: boolean;
  /** What is stored instead; absent = what Pyroscope stored. */
  readonly stored?: Record<string, string>;
}

const refused = (why: string): Difference => ({ why, taken: false, stored: {} });
const taken = (why: string, stored: Record<string, string>): Difference => ({ why, taken: true, stored });

/** Where we differ on purpose. */
const differences: Readonly<Record<string, Difference>> = {
  // What our exporter makes fit for Pyroscope's limits.
  push_31_labels: taken("the label that tells least is left out", cpuOf(8)),
  push_label_name_1025: taken("the label is left out", cpuOf(8)),
  push_label_value_2049: taken("the value is cut", cpuOf(8)),
  push_profile_over_4MiB: taken("split", { "process_cpu:cpu:nanoseconds:cpu:nanoseconds": "70" }),
  push_16001_samples: taken("split", { "process_cpu:cpu:nanoseconds:cpu:nanoseconds": "16001" }),
  push_malformed_type_dash: taken("a dash becomes an underscore", {
    "process_cpu:cpu_time:nanoseconds:cpu:nanoseconds": "1",
  }),
  push_type_colon: taken("a colon, which would break the type's id, becomes an underscore", {
    "process_cpu:a_b:count:cpu:nanoseconds": "1",
  }),
  push_malformed_mapping_missing: taken("frames without their mapping are kept", cpuOf(8)),
  ingest_pprof_multipart_format_pprof: taken("the form is a form, also with format=pprof", cpuOf(8)),
  // All or nothing: a request refused in part would be stored twice if it were sent again.
  push_good_and_bad_series: refused("nothing of it goes further"),
  push_good_and_badpprof_series: refused("nothing of it goes further"),
  // What Pyroscope takes and does not store.
  push_zero_samples_profile: refused("no samples"),
  push_malformed_line_function_missing: refused("an unknown function; Pyroscope drops the sample"),
  push_malformed_string_index_negative: refused("a string index out of range"),
  ingest_multipart_no_profile_field: refused("no profile in the form"),
  ingest_pprof_empty_body: refused("no body"),
  ingest_jfr_empty: refused("no body"),
  ingest_groups_empty_ok: refused("no body"),
  ingest_groups_no_space_ok: refused("a line without a count, which Pyroscope skips"),
  ingest_groups_negative: refused("a negative count, which Pyroscope skips"),
  // Tenants and rates are for exporters and processors to judge.
  tenant_missing_push: taken("a tenant is not asked for", cpuOf(8)),
  tenant_missing_ingest: taken("a tenant is not asked for", cpuOf(8)),
  tenant_missing_push_grpc: taken("a tenant is not asked for", cpuOf(8)),
  ratelimit_push: taken("no rate limit", cpuOnly(40)),
  ratelimit_push_grpc: taken("no rate limit", cpuOnly(40)),
  ratelimit_ingest: taken("no rate limit", cpuOnly(40)),
  tenant_missing_otlp_http: taken("a tenant is not asked for", cpuOnly(400_000_000)),
  tenant_missing_otlp_grpc: taken("a tenant is not asked for", cpuOnly(400_000_000)),
  // OTLP as the Collector takes it, not as Pyroscope does.
  otlp_http_valid_protobuf: refused("application/protobuf is no content type of OTLP"),
  otlp_http_ctype_json_charset: taken("a content type may have parameters", cpuOnly(400_000_000)),
  otlp_http_ctype_proto_charset: taken("a content type may have parameters", cpuOnly(400_000_000)),
  otlp_http_encoding_identity: taken("identity is an encoding", cpuOnly(400_000_000)),
  otlp_http_encoding_deflate: refused("no deflate stream; Pyroscope answers 200 and stores nothing"),
  otlp_http_encoding_snappy: refused("an unknown encoding; Pyroscope answers 200 and stores nothing"),
  otlp_http_on_grpc_path: refused("not served over HTTP/1.1; Pyroscope answers 200 and stores nothing"),
  otlp_http_json_unknown_field: taken("unknown fields are ignored", cpuOnly(400_000_000)),
  otlp_http_empty_body: taken("a request of nothing", {}),
  otlp_http_json_empty_object: taken("a request of nothing", {}),
  otlp_grpc_empty: taken("a request of nothing", {}),
  otlp_http_missing_resource_profiles: taken("a request of nothing", {}),
  otlp_grpc_missing_resource_profiles: taken("a request of nothing", {}),
  otlp_http_bad_attribute_index: refused("an index out of range; Pyroscope answers 200 and stores nothing"),
  otlp_grpc_bad_attribute_index: refused("an index out of range; Pyroscope answers 200 and stores nothing"),
  otlp_http_one_value_three_timestamps: refused("values and timestamps must be equal in number"),
  otlp_http_values_and_timestamps: taken("a value for each timestamp", cpuOnly(400_000_000)),
  otlp_http_empty_mapping_table: taken("nothing refers to a mapping", cpuOnly(400_000_000)),
  otlp_http_empty_stack: taken("a sample without a stack counts", cpuOnly(400_000_000)),
  otlp_http_null_resource: taken("a resource may be missing", cpuOnly(400_000_000)),
  otlp_http_attrs_31: taken("the label that tells least is left out", cpuOnly(400_000_000)),
  otlp_grpc_attrs_31: taken("the label that tells least is left out", cpuOnly(400_000_000)),
  otlp_http_sample_service_name: taken("sample attributes make no series", cpuOnly(400_000_000)),
  // Our exporter's names.
  otlp_http_missing_sample_type: taken("named by the period type", { "cpu:::cpu:nanoseconds": "8" }),
  otlp_grpc_missing_sample_type: taken("named by the period type", { "cpu:::cpu:nanoseconds": "8" }),
  otlp_http_no_period_type: taken("named by the sample type", { "samples:samples:count::": "8" }),
  otlp_grpc_no_period_type: taken("named by the sample type", { "samples:samples:count::": "8" }),
  otlp_http_period_zero: taken("counts of CPU", { "process_cpu:samples:count:cpu:nanoseconds": "8" }),
  otlp_http_kind_events: taken("named by the sample type", { "events:events:count::": "8" }),
  otlp_http_kind_cpu_cpu: taken("as Pyroscope's agents name it", cpuOnly(80)),
  otlp_http_kind_inuse_space: taken("as Pyroscope's agents name it", { "memory:inuse_space:bytes:space:bytes": "8" }),
  otlp_http_kind_contentions: taken("as Pyroscope's agents name it", {
    "mutex:contentions:count:contentions:count": "8",
  }),
};

/** Answers that depend on the clock. */
const clockBound: ReadonlySet<string> = new Set(["push_connect_timeout_1ms", "push_time_zero"]);

function cpuOf(samples: number): Record<string, string> {
  const id = ":cpu:nanoseconds";
  return { [`process_cpu:samples:count${id}`]: `${samples}`, [`process_cpu${id}${id}`]: `${samples * 10_000_000}` };
}

function cpuOnly(nanoseconds: number): Record<string, string> {
  return { "process_cpu:cpu:nanoseconds:cpu:nanoseconds": `${nanoseconds}` };
}

/** Pyroscope's own clock at the recording; what is made up from "now" is judged by ours. */
const recordedAtMs = 1795354402318;

let double: PyroscopeDouble;
let service: Service;
let port: number;
let otlp: { http: number; grpc: number };
let nowMs = recordedAtMs;

before(async () => {
  double = await startPyroscopeDouble({ nowMs: () => nowMs });
  port = await freePort();
  otlp = { http: await freePort(), grpc: await freePort() };
  ({ service } = await buildFromYaml(`
receivers:
  pyroscope: {endpoint: "127.0.0.1:${port}"}
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${otlp.http}"}, grpc: {endpoint: "127.0.0.1:${otlp.grpc}"}}}
exporters:
  pyroscope: {endpoint: "${double.url}", sending_queue: {enabled: false}, retry_on_failure: {enabled: false}}
service:
  pipelines:
    profiles: {receivers: [pyroscope, otlp], exporters: [pyroscope]}
`));
  await service.start();
});

after(async () => {
  await service.shutdown();
  await double.close();
});

function bodyOf({ body, recorded }: Case): Buffer {
  return recorded ? readFileSync(`test/fixtures/wire/${recorded}`) : Buffer.from(body ?? "", "base64");
}

function portOf({ name, http2 }: Case): number {
  if (!/otlp/.test(name)) return port;
  return http2 ? otlp.grpc : otlp.http;
}

const nonZero = (totals: Record<string, string | bigint>) =>
  Object.fromEntries(
    Object.entries(totals)
      .map(([id, value]) => [id, String(value)])
      .filter(([, value]) => value !== "0"),
  );

function describe(reply: Reply): string {
  return `${reply.status} ${grpcStatus(reply)} ${reply.headers["grpc-message"] ?? ""}${reply.body}`;
}

for (const one of cases) {
  if (clockBound.has(one.name)) continue;
  test(one.name, async () => {
    nowMs = /from-(garbage|relative)/.test(one.url) ? Date.now() : recordedAtMs;
    double.stored.length = 0;
    const reply = await send(portOf(one), { ...one, body: bodyOf(one) });
    const difference = differences[one.name];
    const theirs = one.answer.status === 200 && !one.answer.grpcStatus;
    assert.equal(isTaken(reply), difference?.taken ?? theirs, describe(reply));
    const stored = difference?.stored ?? one.stored ?? (theirs ? undefined : {});
    // What Pyroscope made of some requests nobody asked it.
    if (stored) assert.deepEqual(nonZero(double.totals()), nonZero(stored));
    // A refusal is for good, and says why.
    if (isTaken(reply)) return;
    if (reply.status === 200) assert.match(grpcStatus(reply), /^(3|9|12|16)$/);
    else assert.ok(reply.status >= 400 && reply.status < 500 && reply.status !== 429, describe(reply));
  });
}

test("all 342 are here but for queries, and for OTLP of the eBPF profiler and past a rate limit", () => {
  assert.equal(cases.length, 342 - 7 - 2 - 2);
});

test("every listed difference is one", () => {
  const names = new Set(cases.map(({ name }) => name));
  for (const name of Object.keys(differences)) assert.ok(names.has(name), name);
});
