import { delimiter, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../io.js";
import type { ConfigOptions } from "../options.js";
import { type Child, startChild } from "./child.js";
import { collectorProgram } from "./package-root.js";
import { readUsage } from "./usage.js";

export interface CollectorOptions extends ConfigOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly proc: string;
  /** True where the configuration has an agent on eBPF. */
  readonly expectsPrograms: boolean;
  readonly signal: AbortSignal;
}

const readyText = "Everything is ready.";
const agentPatienceMs = 60_000;
const pollMs = 100;

/**
 * Starts bin/flamepipe and waits until it is ready, and until the BPF programs of its agent are in the kernel, where there
 * are to be some. Throws CliError where that doesn't come about.
 */
export async function startCollector(options: CollectorOptions): Promise<Child> {
  const { env, proc, expectsPrograms, signal } = options;
  const path = [dirname(process.execPath), env.PATH ?? ""].join(delimiter);
  const child = await startChild({
    program: collectorProgram,
    args: argumentsOf(options),
    env: { ...env, PATH: path },
    // Its own children are for it to end.
    stopsGroup: false,
  });
  child.stdout.resume();
  const stop = () => void child.stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const isReady = await child.says(readyText);
    signal.throwIfAborted();
    if (!isReady) throw endedError(child);
    if (expectsPrograms) await untilAgentRuns(child, proc, signal);
    return child;
  } catch (caught) {
    await child.stop();
    throw caught;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What a round that the collector did not live through ends with. */
export function endedError(child: Child): CliError {
  return new CliError(`the collector ended (${child.end}):\n${child.said()}`);
}

function argumentsOf({ config, set, featureGates }: ConfigOptions): string[] {
  // Its log is how it tells that it is ready.
  const sets = [...set, "service.telemetry.logs.level=info", "service.telemetry.logs.output_paths=[stderr]"];
  return [
    ...config.flatMap((each) => ["--config", each]),
    ...sets.flatMap((each) => ["--set", each]),
    ...featureGates.flatMap((each) => ["--feature-gates", each]),
  ];
}

async function untilAgentRuns(child: Child, proc: string, signal: AbortSignal): Promise<void> {
  for (const endMs = performance.now() + agentPatienceMs; performance.now() < endMs; ) {
    if (child.end !== undefined) throw endedError(child);
    if (readUsage(proc, child.pid).programs.size > 0) return;
    await sleep(pollMs, undefined, { signal });
  }
  const patience = agentPatienceMs / 1000;
  throw new CliError(
    `the agent has no BPF programs in the kernel after ${patience} s; the collector says:\n${child.said()}`,
  );
}
