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
  const { config, intake, metrics, settings } = parts;
  const { include, interval: intervalMs, sample_rate: sampleRateHz } = config;
  // Where only ids are asked for, the others need not be sampled.
  const pids = include.flatMap(({ pid }) => pid ?? []);
  const options = { sampleRateHz, intervalMs, pids: pids.length === include.length ? pids : [] };
  const worn = () => {
    settings.log.info("bpftrace's table of stacks is full; it is started anew");
    output.lastWords();
    agent.restart();
  };
  const output = createBpftraceOutput(intake, metrics, worn);
  const read = (stdout: Readable) => readStream(stdout, output.parser, maxLineBytes, intake);
  const agent = supervise(parts, bpftraceCommand(program, args, options), output.stderrLine, read);
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
  return supervise(parts, { program, args }, () => false, read);
}

/** `isHandled` is asked of each line on stderr; others go to our log. */
export function supervise(
  { settings, metrics, host, clock, intake, path }: Omit<AgentParts, "config">,
  command: AgentCommand,
  isHandled: (line: string) => boolean,
  read?: (stdout: Readable) => Promise<void>,
): Agent & { restart(): void } {
  const { id, log } = settings;
  const write = createAgentLog(log, clock);
  let supervisor: Supervisor | undefined;
  return {
    async start() {
      supervisor = createSupervisor({
        command: await withParentDeath(command, path),
        read,
        stderrLine: (line) => {
          if (!isHandled(line)) write(line);
        },
        started() {
          metrics.agentStarted();
          intake.beginInterval();
        },
        died: (reason) => host.report(id, "recoverable_error", new Error(`${command.program}: ${reason}`)),
        runs: () => host.report(id, "ok"),
        log: log.with({ agent: command.program }),
        clock,
      });
      supervisor.start();
    },
    restart: () => supervisor?.restart(),
    async stop() {
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
