import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { background } from "../../src/component/context.js";
import { toPipelineError } from "../../src/component/errors.js";
import { loadConfig } from "../../src/config/load.js";
import { formatProblem } from "../../src/config/problem.js";
import type { KeyValue } from "../../src/pdata/any-value.js";
import { createService } from "../../src/service/service.js";
import { nopLogger } from "../../src/telemetry/log.js";
import { createMetrics } from "../../src/telemetry/metrics.js";
import { factories } from "../contract/components.js";
import { until } from "../support/until.js";
import { type Arrived, createEnds, distinct, type Ends, recorded } from "./ends.js";

/** What one exporter is expected to have been given; see README.md beside the cases. */
interface ExpectedOut {
  samples?: number;
  requests?: number;
  totals?: Record<string, number>;
  resource?: Record<string, string[]>;
  sample?: Record<string, string[]>;
  contains?: string[];
  lacks?: string[];
}

interface Case {
  about: string;
  config: unknown;
  into?: string;
  input?: string[];
  together?: boolean;
  wait?: boolean;
  expect: {
    answers?: string | string[];
    out?: Record<string, ExpectedOut>;
    dropped?: number;
    metrics?: Record<string, number>;
    http?: { path: string; requests: number; header?: Record<string, string> };
  };
}

/** An HTTP backend that takes everything and remembers it. */
async function startBackend() {
  const seen: { path: string; headers: IncomingMessage["headers"] }[] = [];
  const server = createServer((request, response) => {
    seen.push({ path: request.url ?? "", headers: request.headers });
    request.resume().on("end", () => response.writeHead(200, { "content-type": "application/proto" }).end());
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const stop = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { seen, stop, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A target with pprof endpoints: gives each recording at its path once, then 404. */
async function startPprofTarget() {
  const given = new Set<string>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "", "http://target").pathname;
    const file = ["", "-1", "-2"]
      .map((suffix) => join("test", "fixtures", `${path}${suffix}.pb.gz`))
      .find((candidate) => existsSync(candidate) && !given.has(candidate));
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    given.add(file);
    response.writeHead(200, { "content-type": "application/octet-stream" }).end(readFileSync(file));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const stop = () => new Promise((resolve) => server.close(resolve).closeAllConnections());
  return { stop, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Receivers that fetch for themselves: waits until what is expected has come. */
async function arrival(ends: Ends, expected: Record<string, ExpectedOut>): Promise<void> {
  const missing = () =>
    Object.entries(expected).some(([id, { samples = 0 }]) => (ends.arrived.get(id)?.samples ?? 0) < samples);
  await until(() => !missing());
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function checkOut(id: string, arrived: Arrived | undefined, expected: ExpectedOut): void {
  assert.ok(arrived, `no exporter ${id}`);
  if (expected.samples !== undefined) assert.equal(arrived.samples, expected.samples, `samples at ${id}`);
  if (expected.requests !== undefined) assert.equal(arrived.requests.length, expected.requests, `requests at ${id}`);
  if (expected.totals) assert.deepEqual(totalsByType(arrived), expected.totals, `totals at ${id}`);
  const resources = arrived.batches.flatMap((batch) => batch.resources);
  for (const [key, values] of Object.entries(expected.resource ?? {})) {
    const found = distinct(
      resources.map((resource) => resource.attributes),
      key,
    );
    assert.deepEqual(found, [...values].sort(), `${key} at ${id}`);
  }
  for (const [key, values] of Object.entries(expected.sample ?? {})) {
    assert.deepEqual(distinct(sampleAttributes(arrived), key), [...values].sort(), `${key} of samples at ${id}`);
  }
  const bytes = Buffer.concat(arrived.requests);
  for (const text of expected.contains ?? []) assert.ok(bytes.includes(text), `${text} should be in what ${id} got`);
  for (const text of expected.lacks ?? []) assert.ok(!bytes.includes(text), `${text} should not be in what ${id} got`);
}

/** Sums of values by "type/unit". */
function totalsByType(arrived: Arrived): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const batch of arrived.batches) {
    for (const profile of batch.resources.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.profiles))) {
      const type = `${profile.sampleType.type}/${profile.sampleType.unit}`;
      totals[type] = profile.columns().values.reduce((sum, value) => sum + Number(value), totals[type] ?? 0);
    }
  }
  return totals;
}

function sampleAttributes(arrived: Arrived): (readonly KeyValue[])[] {
  return arrived.batches.flatMap(({ dictionary, resources }) => {
    const profiles = resources.flatMap(({ scopes }) => scopes.flatMap((scope) => scope.profiles));
    return profiles.flatMap((profile) => {
      const { attrSets } = profile.columns();
      return attrSets.map((set) => Array.from(set, (index) => dictionary.attribute(index)));
    });
  });
}

/** Adds up all series of a metric whose name and labels begin with `prefix`: `name` or `name{label="value"`. */
function sumOf(exposition: string, prefix: string): number {
  const lines = exposition
    .split("\n")
    .filter((line) => line.startsWith(prefix) && /^[{,} ]/.test(line.slice(prefix.length)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

async function run(file: string): Promise<void> {
  const {
    config,
    input = [],
    into = "test_in",
    together = false,
    wait = input.length === 0,
    expect,
  } = parse(readFileSync(file, "utf8")) as Case;
  const ends = createEnds();
  const backend = await startBackend();
  const target = await startPprofTarget();
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-case-"));
  const metrics = createMetrics();
  try {
    const { config: resolved, problems } = await loadConfig({
      sources: [`yaml:${JSON.stringify(config)}`],
      factories: {
        ...factories,
        receivers: [...factories.receivers, ends.receiver],
        exporters: [...factories.exporters, ends.exporter],
      },
      env: { PORT: String(await freePort()), BACKEND: backend.url, FOLDER: folder, TARGET: target.address },
      readFile: (path) => Promise.reject(new Error(`a case reads ${path}`)),
    });
    assert.deepEqual(problems.map(formatProblem), []);
    assert.ok(resolved);
    const service = createService(resolved, {
      log: nopLogger,
      metrics,
      build: { name: "flamepipe", version: "0.0.0" },
    });
    await service.start();
    const send = async (name: string) => {
      const sender = ends.into.get(into);
      assert.ok(sender, `no receiver ${into}`);
      return sender.consume(recorded(name), background).then(
        () => "taken",
        (caught) => toPipelineError(caught).kind,
      );
    };
    const answers: string[] = [];
    try {
      if (together) answers.push(...(await Promise.all(input.map(send))));
      else for (const name of input) answers.push(await send(name));
      if (wait) await arrival(ends, expect.out ?? {});
    } finally {
      await service.shutdown();
    }
    const expectedAnswers = expect.answers ?? "taken";
    assert.deepEqual(
      answers,
      Array.isArray(expectedAnswers) ? expectedAnswers : input.map(() => expectedAnswers),
      "answers",
    );
    for (const [id, expected] of Object.entries(expect.out ?? {})) checkOut(id, ends.arrived.get(id), expected);
    const text = await metrics.text();
    assert.equal(sumOf(text, "flamepipe_dropped_samples_total"), expect.dropped ?? 0, "dropped samples");
    for (const [name, value] of Object.entries(expect.metrics ?? {})) assert.equal(sumOf(text, name), value, name);
    if (expect.http) {
      const { path, requests, header = {} } = expect.http;
      const matching = backend.seen.filter((request) => request.path === path);
      assert.equal(matching.length, requests, `requests to ${path}`);
      for (const [name, value] of Object.entries(header)) {
        assert.deepEqual([...new Set(matching.map(({ headers }) => headers[name]))], [value], name);
      }
    }
  } finally {
    await backend.stop();
    await target.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("pipelines", () => {
  const cases = readdirSync("test/pipelines/cases").filter((file) => file.endsWith(".yaml"));
  for (const file of cases) {
    const path = join("test", "pipelines", "cases", file);
    it(`${file}: ${parse(readFileSync(path, "utf8")).about}`, { timeout: 30_000 }, () => run(path));
  }
});
