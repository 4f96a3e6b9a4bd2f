import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { test } from "node:test";
import { Profiles } from "../../../src/pdata/profiles.js";
import { buildFromYaml } from "../../support/build-from-yaml.js";
import { decodeOtlp, pprofMeaning } from "../../support/pprof-oracle.js";
import { startPyroscopeDouble } from "../../support/pyroscope-double.js";
import { recordedFiles } from "../../support/recorded.js";
import { services } from "./setup.js";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Nanoseconds of CPU by executable, in the recorded requests; from protobufjs objects. */
function cpuByExecutable(): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const file of recordedFiles) {
    for (const { resource, scope_profiles } of decodeOtlp(readFileSync(file)).resource_profiles) {
      // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
      const named = resource.attributes.find((a: any) => a.key === "process.executable.name");
      const name = named?.value.string_value || "other";
      // biome-ignore lint/suspicious/noExplicitAny: protobufjs objects
      const profiles = scope_profiles.flatMap((scope: any) => scope.profiles);
      for (const { samples, period } of profiles) {
        for (const { timestamps_unix_nano: stamps } of samples) {
          sums.set(name, (sums.get(name) ?? 0n) + BigInt(stamps.length) * BigInt(period));
        }
      }
    }
  }
  return sums;
}

test("OTLP -> relabel -> batch -> pyroscope delivers the recorded requests with equal totals per service and type", async () => {
  const nowMs = Number(Profiles.parse(readFileSync(recordedFiles[0])).newestTimeUnixNano / 1_000_000n);
  const double = await startPyroscopeDouble({ nowMs: () => nowMs });
  const port = await freePort();
  const { service } = await buildFromYaml(
    `
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:${port}"}}}
processors:
  relabel:
    rules:
      - {target_label: service_name, replacement: other}
      - {source_labels: [process.executable.name], regex: (.+), target_label: service_name}
      - {regex: process\\..*, action: labeldrop}
  batch: {timeout: 50ms, send_batch_size: 3000}
exporters:
  pyroscope: {endpoint: "${double.url}"}
service:
  pipelines:
    profiles: {receivers: [otlp], processors: [relabel, batch], exporters: [pyroscope]}
`,
  );
  await service.start();
  try {
    await Promise.all(
      recordedFiles.map(async (file) => {
        const response = await fetch(`http://127.0.0.1:${port}/v1development/profiles`, {
          method: "POST",
          headers: { "content-type": "application/x-protobuf" },
          body: readFileSync(file),
        });
        assert.equal(response.status, 200, await response.text());
      }),
    );
  } finally {
    await service.shutdown();
    await double.close();
  }
  const cpu = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
  assert.deepEqual(double.totals(), { [cpu]: 72_393_938_670n });
  const stored = new Map<string, bigint>();
  for (const { labels, pprof } of double.stored) {
    assert.deepEqual(Object.keys(labels).sort(), ["__name__", "service_name"]);
    const { totals } = pprofMeaning(pprof);
    stored.set(labels.service_name, (stored.get(labels.service_name) ?? 0n) + totals["cpu/nanoseconds"]);
  }
  assert.deepEqual(new Map([...stored].sort()), new Map([...cpuByExecutable()].sort()));
});

test("behind its queue, what is too old is counted as dropped for that reason, the rest is sent", async () => {
  const double = await startPyroscopeDouble();
  const { service, metrics, send } = await buildFromYaml(`
receivers: {source: }
exporters:
  pyroscope: {endpoint: "${double.url}", drop_older_than: 55m}
service:
  pipelines:
    profiles: {receivers: [source], exporters: [pyroscope]}
`);
  await service.start();
  const old = services("a", "b");
  const fresh = services("c");
  for (const { scopes } of fresh.resources) {
    for (const { profiles } of scopes) {
      for (const profile of profiles) profile.shiftTime(BigInt(Date.now()) * 1_000_000n - profile.timeUnixNano);
    }
  }
  await send(old);
  await send(fresh);
  await service.shutdown();
  await double.close();
  assert.deepEqual(
    double.stored.map(({ labels }) => labels.service_name),
    ["c"],
  );
  const text = await metrics.text();
  assert.match(text, /flamepipe_dropped_samples_total\{component="pyroscope",reason="too_old"\} 4\n/);
  assert.match(text, /otelcol_exporter_sent_profile_samples\{[^}]*exporter="pyroscope"[^}]*\} 2\n/);
});
