import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { post, recordedRequest, send } from "../receivers/pyroscope/client.js";
import { buildFromYaml } from "../support/build-from-yaml.js";
import { freePort } from "../support/free-port.js";
import { decodeOtlp } from "../support/pprof-oracle.js";
import { startPyroscopeDouble } from "../support/pyroscope-double.js";
import { until } from "../support/until.js";

/*
 * Every recording of a real client, through its receiver to both ends: to a stand-in for Pyroscope, by the ids of its
 * profile types, and as OTLP, by sample type. The totals are those of the manifest: what Pyroscope stored, and what
 * google/pprof reads.
 */

const wire = "test/fixtures/wire";
/** The clock when the recordings were made; Pyroscope refuses what is an hour old. */
const recordedAtMs = 1795354402318;
const alloyRecordedAtMs = 1795710597000;

type Totals = Record<string, bigint>;

interface Recording {
  readonly file: string;
  readonly profiles?: readonly {
    series_labels?: Record<string, string>;
    sample_types: { type: string; unit: string; total: number }[];
    /** "type/unit value" */
    period: string;
  }[];
}

const manifest = JSON.parse(readFileSync(`${wire}/manifest.json`, "utf8")) as Recording[];

/** Without those that are 0: nothing of them is stored. */
function nonZero(totals: Totals): Totals {
  return Object.fromEntries(Object.entries(totals).filter(([, value]) => value !== 0n));
}

/** Sums by type/unit of an OTLP request, by protobufjs; a sample without values counts its timestamps. */
function otlpTotals(body: Buffer): Totals {
  const { dictionary, resource_profiles } = decodeOtlp(body);
  const totals: Totals = {};
  // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
  const profiles = resource_profiles.flatMap((r: any) => r.scope_profiles.flatMap((s: any) => s.profiles));
  for (const { sample_type, samples } of profiles) {
    const type = ["type_strindex", "unit_strindex"].map((key) => dictionary.string_table[sample_type[key]]).join("/");
    for (const { values, timestamps_unix_nano } of samples) {
      const counted = values.length > 0 ? values.map(BigInt) : [BigInt(timestamps_unix_nano.length)];
      totals[type] = counted.reduce((sum: bigint, value: bigint) => sum + value, totals[type] ?? 0n);
    }
  }
  return totals;
}

/** An OTLP backend; `bodies` is what it was sent. */
async function startOtlpBackend() {
  const bodies: Buffer[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(Buffer.concat(chunks));
    response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const close = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { bodies, close, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface Ends {
  /** Sums by the ids of Pyroscope's profile types. */
  readonly pyroscope: () => Totals;
  /** Sums by type/unit. */
  readonly otlp: () => Totals;
}

/** Runs receivers (YAML of one line) into both exporters. */
async function through(receivers: string, use: (ends: Ends) => Promise<void>, nowMs = recordedAtMs): Promise<void> {
  const double = await startPyroscopeDouble({ nowMs: () => nowMs });
  const backend = await startOtlpBackend();
  const names = [...receivers.matchAll(/(?:^|, )(\w+): \{/g)].map(([, name]) => name);
  const off = "sending_queue: {enabled: false}, retry_on_failure: {enabled: false}";
  const { service } = await buildFromYaml(`
receivers: {${receivers}}
exporters:
  pyroscope: {endpoint: "${double.url}", ${off}}
  otlp_http: {endpoint: "${backend.url}", compression: none, ${off}}
service:
  pipelines:
    profiles: {receivers: [${names[0]}], exporters: [pyroscope, otlp_http]}
`);
  try {
    await service.start();
    const joined = () => {
      const sums: Totals = {};
      for (const body of backend.bodies) {
        for (const [type, value] of Object.entries(otlpTotals(body))) sums[type] = (sums[type] ?? 0n) + value;
      }
      return sums;
    };
    await use({ pyroscope: () => nonZero(double.totals()), otlp: () => nonZero(joined()) });
  } finally {
    await service.shutdown();
    await double.close();
    await backend.close();
  }
}

/** The name under which a pprof is stored; its sample types don't tell mutex from block. */
function nameOf(types: readonly string[]): string {
  if (types.includes("wall")) return "wall";
  if (types.includes("cpu")) return "process_cpu";
  if (types.includes("inuse_space")) return "memory";
  return types.includes("contentions") ? "mutex" : types[0];
}

function expected({ profiles = [] }: Recording, isIngest = false): { pyroscope: Totals; otlp: Totals } {
  const pyroscope: Totals = {};
  const otlp: Totals = {};
  for (const { series_labels, sample_types, period } of profiles) {
    // Pyroscope's /ingest says goroutines.
    const guessed = nameOf(sample_types.map(({ type }) => type)).replace(/^goroutine$/, isIngest ? "goroutines" : "$&");
    const name = series_labels?.__name__ ?? guessed;
    for (const { type, unit, total } of sample_types) {
      const id = [name, type, unit, ...period.split(" ")[0].split("/")].join(":");
      pyroscope[id] = (pyroscope[id] ?? 0n) + BigInt(total);
      otlp[`${type}/${unit}`] = (otlp[`${type}/${unit}`] ?? 0n) + BigInt(total);
    }
  }
  return { pyroscope: nonZero(pyroscope), otlp: nonZero(otlp) };
}

const isBlock = ({ file }: Recording) => readFileSync(`${wire}/${file}`).includes("block_count");

function asBlock(totals: Totals): Totals {
  return Object.fromEntries(Object.entries(totals).map(([id, value]) => [id.replace(/^mutex:/, "block:"), value]));
}

for (const client of ["pyroscope-go", "pyroscope-nodejs", "pyroscope-io-python"]) {
  test(`requests of ${client} leave with the totals that Pyroscope stored`, async () => {
    const recordings = manifest.filter(({ file }) => file.startsWith(`${client}/`));
    const files = [...new Set(recordings.map(({ file }) => file))];
    assert.ok(files.length >= 3);
    for (const file of files) {
      const port = await freePort();
      await through(`pyroscope: {endpoint: "127.0.0.1:${port}"}`, async (ends) => {
        const reply = await send(port, recordedRequest(file.replace(".bin", "")));
        assert.equal(reply.status, 200, reply.body.toString());
        const of = recordings.filter((one) => one.file === file);
        const whole = {
          file,
          profiles: of.length === 1 ? of[0].profiles : of.flatMap(({ profiles = [] }) => profiles),
        };
        const { pyroscope, otlp } = expected(whole, client === "pyroscope-go");
        assert.deepEqual(ends.pyroscope(), isBlock(whole) ? asBlock(pyroscope) : pyroscope, file);
        assert.deepEqual(ends.otlp(), otlp, file);
      });
    }
  });
}

test("requests of Alloy's scrapes, its Java and its eBPF profiler leave with the totals that google/pprof reads", async () => {
  const recordings = manifest.filter(({ file, profiles }) => file.startsWith("grafana-alloy/") && profiles);
  assert.equal(recordings.length, 10);
  for (const recording of recordings) {
    const port = await freePort();
    await through(
      `pyroscope: {endpoint: "127.0.0.1:${port}"}`,
      async (ends) => {
        const reply = await send(port, recordedRequest(recording.file.replace(".bin", "")));
        assert.equal(reply.status, 200, reply.body.toString());
        const { pyroscope, otlp } = expected(recording);
        assert.deepEqual(ends.pyroscope(), pyroscope, recording.file);
        assert.deepEqual(ends.otlp(), otlp, recording.file);
      },
      alloyRecordedAtMs,
    );
  }
});

test("recordings of pyroscope-java leave with the totals that Pyroscope stored", async () => {
  for (const [name, cpu, objects, bytes, contentions, delay] of [
    ["0001", 340000000n, 19n, 9961472n, 156n, 3296291801n],
    ["0002", 480000000n, 41n, 21495808n, 290n, 7187493449n],
    ["0003", 390000000n, 32n, 16777216n, 396n, 7736881516n],
    ["0004", 390000000n, 31n, 16252928n, 335n, 7757057624n],
  ] as const) {
    const port = await freePort();
    await through(`pyroscope: {endpoint: "127.0.0.1:${port}"}`, async (ends) => {
      const reply = await send(port, recordedRequest(`pyroscope-java/${name}`));
      assert.equal(reply.status, 200, reply.body.toString());
      assert.deepEqual(ends.pyroscope(), {
        "process_cpu:cpu:nanoseconds:cpu:nanoseconds": cpu,
        "memory:alloc_in_new_tlab_objects:count:space:bytes": objects,
        "memory:alloc_in_new_tlab_bytes:bytes:space:bytes": bytes,
        "mutex:contentions:count:mutex:count": contentions,
        "mutex:delay:nanoseconds:mutex:count": delay,
      });
      assert.deepEqual(ends.otlp(), {
        "cpu/nanoseconds": cpu,
        "alloc_in_new_tlab_objects/count": objects,
        "alloc_in_new_tlab_bytes/bytes": bytes,
        "contentions/count": contentions,
        "delay/nanoseconds": delay,
      });
    });
  }
});

/** Reads a file with the pprof receiver until both ends have it. */
async function fromFile(path: string, keys: string, wanted: { pyroscope: Totals; otlp: Totals }): Promise<void> {
  await through(`pprof: {files: ["${path}"]${keys}}`, async (ends) => {
    await until(() => Object.keys(ends.pyroscope()).length > 0 && Object.keys(ends.otlp()).length > 0);
    assert.deepEqual(ends.pyroscope(), wanted.pyroscope, path);
    assert.deepEqual(ends.otlp(), wanted.otlp, path);
  });
}

test("files of net/http/pprof leave with the totals that google/pprof reads", async () => {
  const files = manifest.filter(({ file }) => file.startsWith("net-http-pprof/") && !/debug1|unknown/.test(file));
  assert.equal(files.length, 16);
  for (const recording of files) await fromFile(`${wire}/${recording.file}`, "", expected(recording));
});

test("text of perf, folded stacks, a .cpuprofile and OTLP of async-profiler leave with their totals", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-recordings-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  // Their time is the file's: text has none.
  const copy = (file: string, name = basename(file)) => {
    const bytes = readFileSync(`${wire}/${file}`);
    const path = join(folder, name);
    writeFileSync(path, file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
    utimesSync(path, recordedAtMs / 1000, recordedAtMs / 1000);
    return path;
  };
  const cpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
  await fromFile(copy("perf/perf-script.txt.gz", "script.perf"), "", {
    pyroscope: { [cpu]: 1198n * 10_101_010n },
    otlp: { "samples/count": 1198n },
  });
  // Its fields leave the period out.
  await fromFile(copy("perf/perf-script-fields.txt.gz", "fields.perf"), "", {
    pyroscope: { "process_cpu:samples:count:cpu:nanoseconds": 1198n },
    otlp: { "samples/count": 1198n },
  });
  await fromFile(copy("perf/perf.folded"), ", files_sample_rate: 99", {
    pyroscope: { [cpu]: 1198n * 10_101_010n },
    otlp: { "samples/count": 1198n },
  });
  await fromFile(copy("perf/perf.folded", "counts.folded"), "", {
    pyroscope: { "samples:samples:count::": 1198n },
    otlp: { "samples/count": 1198n },
  });
  await fromFile(copy("node-cpuprofile/work.cpuprofile"), "", {
    pyroscope: {
      "wall:samples:count:wall:nanoseconds": 1702n,
      "wall:wall:nanoseconds:wall:nanoseconds": 3_042_166_000n,
    },
    otlp: { "samples/count": 1702n, "wall/nanoseconds": 3_042_166_000n },
  });
  const port = await freePort();
  await through(`otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}`, async (ends) => {
    const body = readFileSync(`${wire}/async-profiler/profile.otlp.pb`);
    const headers = { "content-type": "application/x-protobuf" };
    const reply = await post(port, "/v1development/profiles", headers, body);
    assert.equal(reply.status, 200, reply.body.toString());
    assert.deepEqual(ends.pyroscope(), { "itimer:itimer:count:itimer:ns": 39n });
    assert.deepEqual(ends.otlp(), { "itimer/count": 39n });
  });
});
