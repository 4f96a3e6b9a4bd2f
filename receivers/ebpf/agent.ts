import { execFile } from "node:child_process";
import type { Readable } from "node:stream";
import { promisify } from "node:util";
import type { Settings } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import type { Clock } from "../../src/delivery/clock.js";
import { createAgentLog } from "./agent-log.js";
import { bpftraceCommand, createBpftraceOutput } from "./bpftrace-agent.js";
import type { EbpfReceiverConfig } from "./config.js";
import type { EbpfMetrics } from "./ebpf-metrics.js";
import { checkPrivileges, type FoundAgent, findAgent, findProgram } from "./find-agent.js";
import type { Intake } from "./intake.js";
import type { Privileges } from "./privileges.js";
import { createParser, readStream } from "./read-stream.js";
import { type AgentCommand, createSupervisor, type Supervisor } from "./supervisor.js";

/** Longest line that an agent of ours may write: bpftrace prints a map as one. */
const maxLineBytes = 64 * 1024 * 1024;

/** More of them are filtered here. */
const maxPidsInProgram = 64;
/** To start bpftrace takes about a second, in which nothing is seen. */
const shortestRunMs = 60_000;

export interface AgentParts {
  readonly settings: Settings;
  readonly config: EbpfReceiverConfig;
  readonly intake: Intake;
  readonly metrics: EbpfMetrics;
  readonly host: Host;
  readonly clock: Clock;
  /** PATH. */
  readonly path: string;
}

/** Something that runs while the receiver does. */
export interface Agent {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Finds the agent that is asked for. Throws an Error that says what is missing; undefined where none is asked for. */
export function chooseAgent(
  { agent, command }: EbpfReceiverConfig,
  path: string,
  privileges: () => Privileges,
): FoundAgent | undefined {
  if (!agent) return undefined;
  const found = findAgent(agent, command, path);
  checkPrivileges(found.kind, privileges());
  return found;
}

/** bpftrace with our program. */
export function createBpftraceAgent(parts: AgentParts, { program, args }: FoundAgent): Agent {
  const { config, intake, metrics, settings, clock } = parts;
  const { include, interval: intervalMs, sample_rate: sampleRateHz } = config;
  // Where only ids are asked for, the others need not be sampled.
  const pids = include.flatMap(({ pid }) => pid ?? []);
  const onlyPids = pids.length === include.length && pids.length <= maxPidsInProgram;
  const options = { sampleRateHz, intervalMs, pids: onlyPids ? pids : [] };
  let startedMs = 0;
  const worn = () => {
    if (clock.now() - startedMs < shortestRunMs) return;
    settings.log.info("bpftrace's table of stacks is full; it is started anew");
    output.lastWords();
    agent.restart();
  };
  const output = createBpftraceOutput(intake, metrics, worn);
  const read = (stdout: Readable) => readStream(stdout, output.parser, maxLineBytes, intake);
  const started = () => {
    startedMs = clock.now();
  };
  const command = () => bpftraceCommand(program, args, options);
  const agent = supervise(parts, program, command, { stderrLine: output.stderrLine, read, started });
  return {
    start: () => agent.start(),
    stop() {
      output.lastWords();
      return agent.stop();
    },
  };
}

/** A command of the operator's, whose stdout is a stream as it could come over a socket. */
export function createCommandAgent(parts: AgentParts): Agent {
  const { config, intake } = parts;
  const [program, ...args] = config.command;
  const read = (stdout: Readable) => readStream(stdout, createParser(config, intake), maxLineBytes, intake);
  return supervise(parts, program, async () => ({ program, args }), { read });
}

export interface AgentHooks {
  /** True if the line on stderr needs no more attention; others go to our log. */
  stderrLine?(line: string): boolean;
  read?(stdout: Readable): Promise<void>;
  started?(): void;
}

/** Runs a command as long as the receiver does. */
export function supervise(
  { settings, metrics, host, clock, intake, path }: Omit<AgentParts, "config">,
  program: string,
  command: () => Promise<AgentCommand>,
  hooks: AgentHooks = {},
): Agent & { restart(): void } {
  const { id, log } = settings;
  const write = createAgentLog(log, clock);
  let supervisor: Supervisor | undefined;
  let isStopped = false;
  return {
    async start() {
      const wrapped = await withParentDeath(await command(), path);
      if (isStopped) return;
      supervisor = createSupervisor({
        command: wrapped,
        read: hooks.read,
        stderrLine: (line) => {
          if (!hooks.stderrLine?.(line)) write(line);
        },
        started() {
          metrics.agentStarted();
          intake.beginInterval();
          hooks.started?.();
        },
        died: (reason) => host.report(id, "recoverable_error", new Error(`${program}: ${reason}`)),
        runs: () => host.report(id, "ok"),
        log: log.with({ agent: program }),
        clock,
      });
      supervisor.start();
    },
    restart: () => supervisor?.restart(),
    async stop() {
      isStopped = true;
      await supervisor?.stop();
    },
  };
}

/** Has the kernel end the agent should this process be killed, where util-linux is there to ask it to. */
async function withParentDeath(command: AgentCommand, path: string): Promise<AgentCommand> {
  const setpriv = findProgram("setpriv", path);
  if (setpriv === undefined || !(await promisify(execFile)(setpriv, ["--help"]).then(knowsParentDeath, () => false))) {
    return command;
  }
  return { ...command, program: setpriv, args: ["--pdeathsig", "SIGTERM", "--", command.program, ...command.args] };
}

/** BusyBox has a setpriv that doesn't. */
function knowsParentDeath({ stdout }: { stdout: string }): boolean {
  return stdout.includes("--pdeathsig");
}
