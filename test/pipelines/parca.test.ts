import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { it } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { loadConfig } from "../../src/config/load.js";
import { loadProto } from "../../src/proto/load.js";
import { createService } from "../../src/service/service.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { factories } from "../contract/components.js";
import { profilesOf, totalsOf } from "../support/pprof-cases.js";
import { createEnds } from "./ends.js";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function writeRawRequest(name: string): Buffer {
  const type = loadProto("parca.proto").lookupType("parca.profilestore.v1alpha1.WriteRawRequest");
  const labels = { labels: [{ name: "service_name", value: "orders" }] };
  const raw_profile = readFileSync(`test/fixtures/wire/net-http-pprof/${name}.pb.gz`);
  return Buffer.from(type.encode(type.fromObject({ series: [{ labels, samples: [{ raw_profile }] }] })).finish());
}

it("a recorded pprof written to the parca receiver arrives with exact totals through relabel and batch", async () => {
  const ends = createEnds();
  const endpoint = `127.0.0.1:${await freePort()}`;
  const config = {
    receivers: { parca: { endpoint } },
    processors: {
      relabel: { rules: [{ source_labels: ["service_name"], target_label: "service_name", replacement: "shop/$1" }] },
      batch: { timeout: "10ms" },
    },
    exporters: { test_out: null },
    service: {
      pipelines: { profiles: { receivers: ["parca"], processors: ["relabel", "batch"], exporters: ["test_out"] } },
    },
  };
  const { config: resolved } = await loadConfig({
    sources: [`yaml:${JSON.stringify(config)}`],
    factories: { ...factories, exporters: [...factories.exporters, ends.exporter] },
    env: {},
    readFile: (path) => Promise.reject(new Error(`reads ${path}`)),
  });
  assert.ok(resolved);
  const metrics = createMetrics();
  const service = createService(resolved, { log: nopLogger, metrics, build: { name: "flamepipe", version: "0" } });
  await service.start();
  const client = new Client(endpoint, credentials.createInsecure());
  const identity = (bytes: Buffer) => bytes;
  await new Promise<void>((resolve, reject) => {
    const path = "/parca.profilestore.v1alpha1.ProfileStoreService/WriteRaw";
    client.makeUnaryRequest(path, identity, identity, writeRawRequest("profile-5s"), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  client.close();
  await service.shutdown();
  const [batch] = ends.arrived.get("test_out")?.batches ?? [];
  assert.deepEqual(totalsOf(profilesOf(batch)), { "samples/count": 137n, "cpu/nanoseconds": 1_370_000_000n });
  assert.equal(batch.resources[0].attributes[0].value.value, "shop/orders");
  assert.equal(await metrics.total("otelcol_receiver_accepted_profile_samples"), 242);
});
