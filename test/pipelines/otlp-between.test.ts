import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProto } from "../../src/proto/load.js";
import { post, recordedRequest, send, type WireRequest } from "../receivers/pyroscope/client.js";
import { pushHeaders, pushPath, pushRequest } from "../receivers/pyroscope/setup.js";
import { buildFromYaml } from "../support/build-from-yaml.js";
import { freePort } from "../support/free-port.js";
import { readPprof } from "../support/pprof-digest.js";
import { pprofMeaning } from "../support/pprof-oracle.js";
import { type PyroscopeDouble, startPyroscopeDouble } from "../support/pyroscope-double.js";

/*
 * The same requests to Pyroscope directly, and with OTLP over HTTP in between: names, series, labels of samples, links and
 * values are the same.
 */

const recordedAtMs = 1795354402318;

interface Both {
  readonly port: number;
  readonly direct: PyroscopeDouble;
  readonly through: PyroscopeDouble;
}

async function withBoth(use: (both: Both) => Promise<void>): Promise<void> {
  const [port, otlpPort] = [await freePort(), await freePort()];
  const clock = { nowMs: () => recordedAtMs };
  const [direct, through] = [await startPyroscopeDouble(clock), await startPyroscopeDouble(clock)];
  const off = "sending_queue: {enabled: false}, retry_on_failure: {enabled: false}";
  const { service } = await buildFromYaml(`
receivers:
  pyroscope: {endpoint: "127.0.0.1:${port}"}
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${otlpPort}"}}}
exporters:
  pyroscope/direct: {endpoint: "${direct.url}", ${off}}
  pyroscope/through: {endpoint: "${through.url}", ${off}}
  otlp_http: {endpoint: "http://127.0.0.1:${otlpPort}", ${off}}
service:
  pipelines:
    profiles/in: {receivers: [pyroscope], exporters: [pyroscope/direct, otlp_http]}
    profiles/out: {receivers: [otlp], exporters: [pyroscope/through]}
`);
  await service.start();
  try {
    await use({ port, direct, through });
  } finally {
    await service.shutdown();
    await direct.close();
    await through.close();
  }
}

/** What is stored, in an order of its own: series, and what their pprofs mean. */
function storedBy({ stored }: PyroscopeDouble): string[] {
  const rows = stored.map(({ labels, pprof }) => {
    const { samples, ...fields } = pprofMeaning(pprof);
    const rest = [Object.entries(labels), [...samples]].map((list) => [...list].map(textOf).sort());
    return textOf([rest, fields]);
  });
  return rows.sort();
}

const textOf = (value: unknown) => JSON.stringify(value, (_, each) => (typeof each === "bigint" ? `${each}` : each));

test("requests of every client are stored as without OTLP in between", async () => {
  await withBoth(async ({ port, direct, through }) => {
    const names = ["pyroscope-go/0001", "pyroscope-go/0002", "pyroscope-go/0003", "pyroscope-go/0005"];
    names.push("pyroscope-nodejs/0001", "pyroscope-nodejs/0002", "pyroscope-io-python/0001", "pyroscope-java/0001");
    for (const name of names) {
      const request: WireRequest = recordedRequest(name);
      assert.equal((await send(port, request)).status, 200, name);
    }
    assert.equal(direct.stored.length, 11);
    assert.deepEqual(storedBy(through), storedBy(direct));
  });
});

test("links, labels, __delta__ and names survive", async () => {
  const type = loadProto("pprof.proto").lookupType("perftools.profiles.Profile");
  const strings = ["", "contentions", "count", "span_id", "00f067aa0ba902b7", "trace_id"];
  strings.push("4bf92f3577b34da6a3ce929d0e0e4736", "zone", "a", "bytes");
  const label = (key: number, str: number) => ({ key, str });
  const pprof = Buffer.from(
    type
      .encode(
        type.fromObject({
          sample_type: [{ type: 1, unit: 2 }],
          sample: [
            { value: [1], label: [label(3, 4), label(5, 6), label(7, 8)] },
            { value: [2], label: [label(7, 8), { key: 9, num: 512 }] },
            { value: [4], label: [label(3, 8)] },
          ],
          string_table: strings,
          time_nanos: String(BigInt(recordedAtMs) * 1_000_000n),
        }),
      )
      .finish(),
  );
  await withBoth(async ({ port, direct, through }) => {
    const labels = { __name__: "block", service_name: "orders", __delta__: "true", __session_id__: "7", "a.b": "c" };
    const reply = await post(port, pushPath, pushHeaders, pushRequest({ labels, profiles: [pprof] }));
    assert.equal(reply.status, 200, reply.body.toString());
    const [stored] = through.stored;
    assert.deepEqual(stored.labels, labels);
    assert.equal(readPprof(stored.pprof).digestLabels, readPprof(pprof).digestLabels);
    assert.deepEqual(storedBy(through), storedBy(direct));
  });
});
