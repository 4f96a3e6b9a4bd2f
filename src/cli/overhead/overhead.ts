import { existsSync } from "node:fs";
import { availableParallelism, release } from "node:os";
import { relative } from "node:path";
import { readConfiguration, requireConfig } from "../configuration.js";
import { CliError, type CliIo } from "../io.js";
import type { ConfigOptions, OverheadOptions } from "../options.js";
import { countBpfRunTime } from "./bpf-stats.js";
import { startCollector } from "./collector.js";
import { defaultConfig } from "./package-root.js";
import { reportText, type Setup } from "./report.js";
import { type AgentState, measureRound, orderOfRounds, type Round, type RoundOptions } from "./rounds.js";
import { type LoadedService, startService } from "./service.js";
import { summarize } from "./summary.js";

const proc = "/proc";

/**
 * Measures a service under load with the collector and its agent on and off, and prints what differs. Resolves with 0, or
 * with 1 when it was interrupted: the rounds until then are printed. Throws CliError where it can't be measured.
 */
export async function overhead(options: OverheadOptions, io: CliIo): Promise<number> {
  if (!existsSync(`${proc}/self/stat`)) throw new CliError("overhead reads /proc, which is Linux' own: run it there");
  const collector = await planCollector(options, io);
  const interrupt = watchInterrupt(io);
  const stats = countBpfRunTime(proc);
  const rounds: Round[] = [];
  let service: LoadedService | undefined;
  try {
    const { signal } = interrupt;
    const start = () => startCollector({ ...collector, env: io.env, proc, signal });
    io.stderr.write("trying the collector\n");
    await (await start()).stop();
    io.stderr.write("starting the service\n");
    service = await startService({ command: options.service, url: options.url, env: io.env, signal });
    const { connections, seconds, warmUpSeconds } = options;
    const lengths = { warmUpMs: 1000 * warmUpSeconds, durationMs: 1000 * seconds };
    const round = { service, connections, ...lengths, startCollector: start, proc, signal };
    await measureAll(orderOfRounds(options.rounds), round, rounds, io);
  } catch (caught) {
    if (!interrupt.signal.aborted) throw caught;
    io.stderr.write("interrupted\n");
  } finally {
    stats.restore();
    await service?.stop();
    interrupt.stopWatching();
  }
  if (service) print(options, setupOf(options, collector, service, stats.state), rounds, io);
  return interrupt.signal.aborted ? 1 : 0;
}

/** Adds to `rounds`, so that those before an interrupt are kept. */
async function measureAll(
  order: readonly AgentState[],
  options: RoundOptions,
  rounds: Round[],
  io: CliIo,
): Promise<void> {
  for (const [index, agent] of order.entries()) {
    const round = await measureRound(agent, options);
    rounds.push(round);
    const p99 = round.load.p99Ms.toFixed(2);
    const rate = round.requestsPerSecond.toFixed(1);
    io.stderr.write(`round ${index + 1} of ${order.length}, agent ${agent}: ${rate} requests/s, p99 ${p99} ms\n`);
  }
}

interface CollectorPlan extends ConfigOptions {
  readonly expectsPrograms: boolean;
}

/** The collector's configuration, looked at before anything is started. */
async function planCollector(
  { set, featureGates, rate, ...options }: OverheadOptions,
  io: CliIo,
): Promise<CollectorPlan> {
  const config = options.config.length > 0 ? options.config : [relative(process.cwd(), defaultConfig)];
  const { receivers } = requireConfig(await readConfiguration({ config, set, featureGates }, io));
  const ebpf = [...receivers].filter(([, { factory }]) => factory.type === "ebpf");
  if (rate !== undefined && ebpf.length === 0) {
    throw new CliError("--rate: the configuration has no receiver ebpf; use --set");
  }
  const rates = rate === undefined ? [] : ebpf.map(([id]) => `receivers.${id}.sample_rate=${rate}`);
  const expectsPrograms = ebpf.some(([, component]) => (component.config as { agent?: string }).agent !== undefined);
  return { config, set: [...set, ...rates], featureGates, expectsPrograms };
}

interface Interrupt {
  readonly signal: AbortSignal;
  stopWatching(): void;
}

function watchInterrupt({ stops }: CliIo): Interrupt {
  const controller = new AbortController();
  const interrupt = () => controller.abort();
  stops.on("SIGINT", interrupt);
  stops.on("SIGTERM", interrupt);
  return {
    signal: controller.signal,
    stopWatching() {
      stops.removeListener("SIGINT", interrupt);
      stops.removeListener("SIGTERM", interrupt);
    },
  };
}

function setupOf(
  { rounds, seconds, warmUpSeconds, connections }: OverheadOptions,
  { config, set }: ConfigOptions,
  service: LoadedService,
  bpfStats: Setup["bpfStats"],
): Setup {
  return {
    rounds,
    seconds,
    warmUpSeconds,
    connections,
    url: service.url.href,
    service: service.name,
    collector: [...config.map((each) => `--config ${each}`), ...set.map((each) => `--set ${each}`)].join(" "),
    cpus: availableParallelism(),
    kernel: release(),
    node: process.version,
    bpfStats,
  };
}

function print(options: OverheadOptions, setup: Setup, rounds: readonly Round[], io: CliIo): void {
  const summary = summarize(rounds, setup.bpfStats);
  if (options.json) io.stdout.write(`${JSON.stringify({ setup, summary, rounds })}\n`);
  else io.stdout.write(summary ? reportText(setup, summary) : "No pair of rounds was measured.\n");
}
