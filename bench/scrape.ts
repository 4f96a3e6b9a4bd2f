import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { pyroscope } from "../exporters/pyroscope/index.js";
import { pprofReceiverSchema } from "../receivers/pprof/config.js";
import { createPprofReceiver } from "../receivers/pprof/pprof-receiver.js";
import type { Consumer } from "../src/component/consumer.js";
import { nopLogger } from "../src/telemetry/log.js";
import { createMetrics } from "../src/telemetry/metrics.js";

/**
 * Scrapes a fleet: node dist/bench/scrape.js [targets] [seconds] [push]. The targets are addresses of 127.1.0.0/16, served by
 * one other process with recorded profiles, all five kinds, every 15 s; the CPU profile takes its 14 s. With `push` the
 * pyroscope exporter sends all of it to that other process. Prints what this process took of one core.
 */
const recordings: Record<string, readonly string[]> = {
  "/debug/pprof/profile": ["profile-5s"],
  "/debug/pprof/allocs": ["allocs-1", "allocs-2", "heap"],
  "/debug/pprof/goroutine": ["goroutine"],
  "/debug/pprof/block": ["block-1", "block-2"],
  "/debug/pprof/mutex": ["mutex-1", "mutex-delta-2s"],
};

async function serve(targets: number): Promise<void> {
  const bodies = new Map(
    Object.entries(recordings).map(([path, names]) => [
      path,
      names.map((name) => readFileSync(`test/fixtures/wire/net-http-pprof/${name}.pb.gz`)),
    ]),
  );
  let count = 0;
  const answer: RequestListener = (request, response) => {
    const url = new URL(request.url ?? "", "http://target");
    const choices = bodies.get(url.pathname) ?? [];
    const delayMs = 1000 * Number(url.searchParams.get("seconds") ?? 0);
    setTimeout(() => {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(choices[count++ % choices.length]);
    }, delayMs);
  };
  const sink = createServer((request, response) => {
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/proto" }).end());
  }).listen(0, "127.0.0.1");
  await once(sink, "listening");
  const addresses = [`127.0.0.1:${(sink.address() as AddressInfo).port}`];
  for (let i = 0; i < targets; i++) {
    // Go's servers leave idle connections open.
    const server = createServer({ keepAliveTimeout: 600_000 }, answer).listen(0, `127.1.${i >> 8}.${i & 255}`);
    await once(server, "listening");
    const { address, port } = server.address() as AddressInfo;
    addresses.push(`${address}:${port}`);
  }
  process.send?.(addresses);
}

async function measure(targets: number, seconds: number, push: boolean): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ["serve", String(targets)]);
  const [[sink, ...addresses]] = (await once(child, "message")) as [string[]];
  const metrics = createMetrics();
  let batches = 0;
  let samples = 0;
  const shared = { log: nopLogger, metrics, build: { name: "bench", version: "0" } };
  const settings = { id: "pprof", kind: "receiver", ...shared } as const;
  const exporter = pyroscope.create(
    { id: "pyroscope", kind: "exporter", ...shared },
    pyroscope.schema.parse({ endpoint: `http://${sink}` }),
  );
  const next: Consumer = {
    mutates: false,
    reserve: () => undefined,
    async consume(profiles, ctx) {
      batches++;
      samples += profiles.sampleCount;
      if (push) await exporter.consume(profiles, ctx);
    },
  };
  const config = pprofReceiverSchema.parse({ scrape_configs: [{ static_configs: [{ targets: addresses }] }] });
  const receiver = createPprofReceiver(settings, config, next);
  const host = { extension: () => undefined, report() {}, parseYaml: JSON.parse };
  await exporter.start(host);
  await receiver.start(host);
  // The first rounds open connections and compile code.
  await new Promise((resolve) => setTimeout(resolve, 32_000));
  batches = 0;
  samples = 0;
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const { user, system } = process.cpuUsage(cpu);
  const tookMs = performance.now() - begun;
  const errored = await metrics.total("otelcol_scraper_errored_profile_records");
  const scraped = await metrics.total("flamepipe_scrape_targets");
  const sent = await metrics.total("otelcol_exporter_sent_profile_samples");
  const share = (user + system) / 10 / tookMs;
  process.stdout.write(
    `${scraped} profiles of ${targets} targets every 15 s: ${share.toFixed(1)} % of one core, ` +
      `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB, ${((batches * 1000) / tookMs).toFixed(0)} batches/s, ` +
      `${((samples * 1000) / tookMs).toFixed(0)} samples/s, ${errored} errors` +
      `${push ? `, ${sent} samples pushed` : ""}\n`,
  );
  await receiver.shutdown();
  await exporter.shutdown();
  child.kill();
}

if (process.argv[2] === "serve") await serve(Number(process.argv[3]));
else await measure(Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 60), process.argv[4] === "push");
