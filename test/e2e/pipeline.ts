import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { TestContext } from "node:test";
import { startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { decodePprof, pprofMeaning } from "../support/pprof-oracle.js";
import { type StoredProfile, startPyroscopeDouble } from "../support/pyroscope-double.js";

/** A pprof file that the collector wrote. */
export interface WrittenPprof {
  readonly path: string;
  /** Service and profile in the file's name, such as shop-process_cpu. */
  readonly name: string;
  /** Sum by "type/unit". */
  readonly totals: Readonly<Record<string, bigint>>;
}

/** What came out at the three ends. */
export interface Outcome {
  readonly stored: readonly StoredProfile[];
  readonly pprofs: readonly WrittenPprof[];
  /** OTLP JSON documents, a line each. */
  readonly lines: readonly string[];
  readonly log: string;
}

/**
 * `bin/flamepipe` as a process: the given receivers -> relabel, which adds region -> files of OTLP JSON and of pprof, and
 * a double of Pyroscope.
 */
export interface RunningPipeline {
  /** Pprofs written so far. */
  written(): WrittenPprof[];
  log(): string;
  /** The sum of one of its counters, which must be there. */
  counted(name: string): Promise<number>;
  /** Stops it, sees that nothing was refused or lost and that the three ends have the same; gives what they have. */
  finish(): Promise<Outcome>;
}

/** It ends with the test at the latest. */
export async function startPipeline(
  t: TestContext,
  receivers: Readonly<Record<string, unknown>>,
): Promise<RunningPipeline> {
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-client-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const double = await startPyroscopeDouble();
  t.after(() => double.close());
  const metricsPort = await freePort();
  const configFile = join(folder, "config.json");
  writeFileSync(configFile, JSON.stringify(configOf(receivers, folder, double.url, metricsPort)));
  // As installed: the build of this tree, by the script that a user starts.
  const collector = startProcess(resolve("bin/flamepipe"), ["--config", configFile]);
  t.after(() => collector.stop());
  await collector.saw("Everything is ready");
  const pprofFolder = join(folder, "pprof");
  const written = () => readdirSync(pprofFolder).filter((file) => file.endsWith(".pb.gz"));
  const log = () => collector.stdout() + collector.stderr();
  const metrics = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return {
    written: () => written().map((file) => readPprof(join(pprofFolder, file))),
    log,
    counted: async (name) => sumOf(await metrics(), name),
    async finish() {
      const counters = await metrics();
      collector.child.kill("SIGTERM");
      assert.equal(await collector.exited, 0, log());
      assertNothingLost(counters);
      const outcome = {
        stored: double.stored,
        pprofs: written().map((file) => readPprof(join(pprofFolder, file))),
        lines: readFileSync(join(folder, "profiles.jsonl"), "utf8").split("\n").filter(Boolean),
        log: log(),
      };
      assertSameAtAllEnds(outcome);
      return outcome;
    },
  };
}

function configOf(receivers: Readonly<Record<string, unknown>>, folder: string, url: string, port: number): object {
  return {
    receivers,
    processors: { relabel: { rules: [{ target_label: "region", replacement: "eu-1" }] } },
    exporters: {
      "file/otlp": { path: join(folder, "profiles.jsonl") },
      "file/pprof": { path: join(folder, "pprof"), format: "pprof", create_directory: true },
      pyroscope: { endpoint: url },
    },
    service: {
      telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: "127.0.0.1", port } } } }] } },
      pipelines: {
        profiles: {
          receivers: Object.keys(receivers),
          processors: ["relabel"],
          exporters: ["file/otlp", "file/pprof", "pyroscope"],
        },
      },
    },
  };
}

function readPprof(path: string): WrittenPprof {
  const [, name = ""] = /([^/]*)-\d{4}-\d\d-\d\dT[^/]*$/.exec(path) ?? [];
  return { path, name, totals: pprofMeaning(readFileSync(path)).totals };
}

/** The sum of a counter's series. */
function sumOf(metrics: string, name: string): number {
  const lines = metrics.split("\n").filter((line) => line.startsWith(`${name}{`));
  assert.ok(lines.length > 0, `there is no ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}

function assertNothingLost(metrics: string): void {
  assert.ok(sumOf(metrics, "otelcol_receiver_accepted_profile_samples") > 0);
  for (const name of ["otelcol_receiver_refused_profile_samples", "flamepipe_dropped_samples_total"]) {
    assert.equal(sumOf(metrics, name), 0, name);
  }
}

function add(totals: Record<string, bigint>, key: string, value: bigint): void {
  totals[key] = (totals[key] ?? 0n) + value;
}

/** Sums by `name type/unit` in OTLP JSON, read without code of ours. */
function otlpTotals(lines: readonly string[]): Record<string, bigint> {
  const totals: Record<string, bigint> = {};
  for (const line of lines) {
    const { dictionary, resourceProfiles } = JSON.parse(line);
    const text = (index = 0): string => dictionary.stringTable[index];
    for (const { scopeProfiles } of resourceProfiles) {
      for (const profile of scopeProfiles.flatMap((scope: { profiles: object[] }) => scope.profiles)) {
        const attributes = (profile.attributeIndices ?? []).map((index: number) => dictionary.attributeTable[index]);
        const named = attributes.find((one: { keyStrindex: number }) => text(one.keyStrindex) === "pyroscope.name");
        const { typeStrindex, unitStrindex } = profile.sampleType;
        // Goroutines of a client that gives them no name are named by their type.
        const name = named?.value.stringValue ?? text(typeStrindex);
        const key = `${name} ${text(typeStrindex)}/${text(unitStrindex)}`;
        for (const { values } of profile.samples) for (const value of values) add(totals, key, BigInt(value));
      }
    }
  }
  return totals;
}

function assertSameAtAllEnds({ stored, pprofs, lines }: Outcome): void {
  const pushed: Record<string, bigint> = {};
  for (const { labels, totals } of stored) {
    for (const [id, total] of Object.entries(totals)) {
      const [, type, unit] = id.split(":");
      add(pushed, `${labels.__name__} ${type}/${unit}`, total);
    }
  }
  assert.deepEqual(pushed, otlpTotals(lines));
  const filed: Record<string, bigint> = {};
  for (const { name, totals } of pprofs) {
    for (const [type, total] of Object.entries(totals)) add(filed, `${name.replace(/^.*-/, "")} ${type}`, total);
  }
  assert.deepEqual(filed, pushed);
}

/** Sums by "type/unit" over all pprofs of a profile. */
export function totalsNamed(pprofs: readonly WrittenPprof[], name: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { totals } of pprofs.filter((one) => one.name === name)) {
    for (const [type, total] of Object.entries(totals)) sums[type] = (sums[type] ?? 0) + Number(total);
  }
  return sums;
}

/** What samples with `frame` in their stack have of one sample type, summed over all pprofs of a profile. */
export function valueUnder(pprofs: readonly WrittenPprof[], name: string, type: string, frame: string): number {
  let sum = 0;
  for (const { path } of pprofs.filter((one) => one.name === name)) {
    const { types, samples } = pprofMeaning(readFileSync(path));
    for (const [stack, values] of samples) if (stack.includes(frame)) sum += Number(values[types.indexOf(type)]);
  }
  return sum;
}

/** Values of a sample label in the pprofs of a profile. */
export function sampleLabels(pprofs: readonly WrittenPprof[], name: string, key: string): string[] {
  const values = new Set<string>();
  for (const { path } of pprofs.filter((one) => one.name === name)) {
    const profile = decodePprof(readFileSync(path));
    for (const label of profile.sample.flatMap((sample: { label: object[] }) => sample.label)) {
      if (profile.string_table[label.key] === key) values.add(profile.string_table[label.str]);
    }
  }
  return [...values].sort();
}

/** What `go tool pprof -top -cum` shows of the pprofs of a profile; undefined where there is no Go. */
export function goTop(pprofs: readonly WrittenPprof[], name: string, type: string): string | undefined {
  if (spawnSync("go", ["version"]).error !== undefined) return undefined;
  const paths = pprofs.filter((one) => one.name === name).map(({ path }) => path);
  const argv = ["tool", "pprof", "-top", "-cum", "-symbolize=none", `-sample_index=${type}`, ...paths];
  return execFileSync("go", argv, { encoding: "utf8", stdio: "pipe" });
}
