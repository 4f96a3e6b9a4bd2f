import { setTimeout as sleep } from "node:timers/promises";
import { kernelCpuMs } from "../../proc/host-cpu.js";
import { cpuMsOfTree, readProcessTree } from "../../proc/process-tree.js";
import { CliError } from "../io.js";
import type { Child } from "./child.js";
import { endedError } from "./collector.js";
import { type LoadResult, startLoad } from "./load.js";
import type { LoadedService } from "./service.js";
import { readUsage, type Usage, type UsageReading, usageBetween } from "./usage.js";

export type AgentState = "off" | "on";

/** What one round came to; CPU in per cent of one core. */
export interface Round {
  readonly agent: AgentState;
  readonly load: LoadResult;
  readonly requestsPerSecond: number;
  /** Undefined where the service isn't ours. */
  readonly serviceCpuMsPerRequest: number | undefined;
  /** Time that all CPUs spent in the kernel, whoever caused it. */
  readonly kernelPercent: number | undefined;
  /** What it took to make the load. */
  readonly loadCpuPercent: number;
  /** With the agent on. */
  readonly usage: Usage | undefined;
}

export interface RoundOptions {
  readonly service: LoadedService;
  readonly connections: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  readonly startCollector: () => Promise<Child>;
  readonly proc: string;
  readonly signal: AbortSignal;
}

/** Off and on in turn; every second pair the other way round, so that a drift of the machine is nobody's. */
export function orderOfRounds(pairs: number): AgentState[] {
  return Array.from({ length: pairs }, (_, pair): AgentState[] =>
    pair % 2 === 0 ? ["off", "on"] : ["on", "off"],
  ).flat();
}

/** Rejects with an AbortError when it is told to stop, and with CliError where nothing could be measured. */
export async function measureRound(agent: AgentState, options: RoundOptions): Promise<Round> {
  const collector = agent === "on" ? await options.startCollector() : undefined;
  try {
    return await measure(agent, collector, options);
  } finally {
    await collector?.stop();
  }
}

async function measure(agent: AgentState, collector: Child | undefined, options: RoundOptions): Promise<Round> {
  const { service, connections, warmUpMs, durationMs, proc, signal } = options;
  const load = startLoad(service.url, connections);
  try {
    await sleep(warmUpMs, undefined, { signal });
    const before = readAll(proc, service, collector);
    load.begin();
    await sleep(durationMs, undefined, { signal });
    const result = load.end();
    const after = readAll(proc, service, collector);
    if (collector?.end !== undefined) throw endedError(collector);
    if (result.requests === 0)
      throw new CliError(`no request to ${service.url} was answered with 2xx: ${result.failure}`);
    return roundOf(agent, result, before, after);
  } finally {
    await load.stop();
  }
}

/** All that is counted, at one moment. */
interface Reading {
  readonly atMs: number;
  readonly ownMs: number;
  readonly kernelMs: number | undefined;
  readonly serviceMs: number | undefined;
  readonly usage: UsageReading | undefined;
}

function readAll(proc: string, service: LoadedService, collector: Child | undefined): Reading {
  const { user, system } = process.cpuUsage();
  return {
    atMs: performance.now(),
    ownMs: (user + system) / 1000,
    kernelMs: kernelCpuMs(proc),
    serviceMs: service.pid === undefined ? undefined : cpuMsOfTree(readProcessTree(proc, service.pid)),
    usage: collector && collector.end === undefined ? readUsage(proc, collector.pid) : undefined,
  };
}

function roundOf(agent: AgentState, load: LoadResult, before: Reading, after: Reading): Round {
  const elapsedMs = after.atMs - before.atMs;
  const kernelMs = difference(before.kernelMs, after.kernelMs);
  const serviceMs = difference(before.serviceMs, after.serviceMs);
  return {
    agent,
    load,
    requestsPerSecond: load.requests / load.seconds,
    serviceCpuMsPerRequest: serviceMs === undefined ? undefined : serviceMs / load.requests,
    kernelPercent: kernelMs === undefined ? undefined : (100 * kernelMs) / elapsedMs,
    loadCpuPercent: (100 * (after.ownMs - before.ownMs)) / elapsedMs,
    usage: before.usage && after.usage ? usageBetween(before.usage, after.usage, elapsedMs) : undefined,
  };
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}
