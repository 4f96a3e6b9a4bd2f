import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { startProcess } from "../support/collector-process.js";
import { freePort } from "../support/free-port.js";
import { type Command, install } from "./client-install.js";
import { goTop, type Outcome, startPipeline, totalsNamed, valueUnder } from "./pipeline.js";

/**
 * A program of test/e2e/clients that works under a client of Pyroscope, which pushes to PYROSCOPE_SERVER_ADDRESS, until it
 * has taken RUN_CPU_MS of the CPU, and RUN_MS at least: there is enough to see however busy the machine is.
 */
export interface ClientProgram {
  /** Its folder. */
  readonly name: string;
  readonly install: readonly Command[];
  /** Starts it; `folder` is where it was installed. */
  readonly command: (folder: string) => Command;
  readonly runMs: number;
  /** Its environment beside those three. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the program printed at its end. */
export interface Report {
  /** CPU time of its process while it worked. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
  /** How often it kept what it allocated. */
  readonly kept: number;
}

export interface ClientRun {
  readonly report: Report;
  readonly out: Outcome;
}

/** Runs the program beside a collector. undefined = it can't be installed here, and the test is skipped with the reason. */
export async function runClient(t: TestContext, program: ClientProgram): Promise<ClientRun | undefined> {
  const { folder, problem } = await install(program.name, ...program.install);
  if (problem !== "") {
    t.skip(problem);
    return undefined;
  }
  const port = await freePort();
  const pipeline = await startPipeline(t, { pyroscope: { endpoint: `127.0.0.1:${port}` } });
  const [command, ...argv] = program.command(folder);
  const server = `http://127.0.0.1:${port}`;
  const env = { ...program.env, PYROSCOPE_SERVER_ADDRESS: server, RUN_MS: String(program.runMs), RUN_CPU_MS: "2500" };
  const client = startProcess(command, argv, env);
  t.after(() => client.stop());
  assert.equal(await client.exited, 0, client.stdout() + client.stderr());
  const report: Report = JSON.parse(client.stdout().trim().split("\n").at(-1) ?? "");
  return { report, out: await pipeline.finish() };
}

/** The labels of each stored series of a profile, without `__name__`; all of them must have the same. */
export function labelsStored(out: Outcome, name: string): Readonly<Record<string, string>> {
  const found = out.stored.filter(({ labels }) => labels.__name__ === name).map(({ labels }) => labels);
  assert.ok(found.length > 0, `nothing of ${name} was stored`);
  for (const labels of found) assert.deepEqual(labels, found[0]);
  const { __name__, ...labels } = found[0];
  return labels;
}

/** Values of a label over the stored series. */
export function labelValues(out: Outcome, label: string): string[] {
  return [...new Set(out.stored.map(({ labels }) => labels[label] ?? ""))].sort();
}

/** Names of the profiles that were stored. */
export function namesStored(out: Outcome): string[] {
  return labelValues(out, "__name__");
}

/** The CPU time in `profile` is what the process took, give or take sampling; `atMostMs` where a client counts more. */
export function assertCpuTime(out: Outcome, profile: string, { cpuMs }: Report, atMostMs = 1.25 * cpuMs): void {
  const ms = totalsNamed(out.pprofs, profile)["cpu/nanoseconds"] / 1e6;
  assert.ok(ms > 0.6 * cpuMs && ms < atMostMs, `${ms} ms of CPU in the profiles, ${cpuMs} ms by the process`);
}

/**
 * The programs spend three times as long in `hot` as in `cool`, and little elsewhere; `go tool pprof` reads the same of
 * what was written.
 */
export function assertHot(out: Outcome, profile: string, hot: string, cool: string): void {
  const total = totalsNamed(out.pprofs, profile)["cpu/nanoseconds"];
  const under = (frame: string) => valueUnder(out.pprofs, profile, "cpu/nanoseconds", frame);
  const [ofHot, ofCool] = [under(hot), under(cool)];
  assert.ok(ofHot > 1.8 * ofCool && ofHot < 5 * ofCool, `${ofHot} ns in ${hot}, ${ofCool} ns in ${cool}`);
  assert.ok(ofHot + ofCool > 0.5 * total, `${ofHot + ofCool} ns of ${total} ns`);
  const top = goTop(out.pprofs, profile, "cpu");
  if (top === undefined) return;
  const row = (frame: string) => top.split("\n").findIndex((line) => line.includes(frame));
  assert.ok(row(hot) > 0 && row(cool) > row(hot), top);
}
