import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Clock, Timer } from "../../src/delivery/clock.js";
import { LineSplitter } from "../../src/files/line-splitter.js";
import type { Logger } from "../../src/telemetry/log.js";

export interface AgentCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SupervisorOptions {
  readonly command: AgentCommand;
  /** Reads what the agent writes, to the end; must not reject. Absent where the agent's output says nothing. */
  readonly read?: (stdout: Readable) => Promise<void>;
  /** A line that the agent wrote to stderr. */
  readonly stderrLine: (line: string) => void;
  readonly started: () => void;
  /** The agent ended by itself, or could not be started. */
  readonly died: (reason: string) => void;
  /** The agent has run for a while. */
  readonly runs: () => void;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Supervisor {
  readonly pid: number | undefined;
  start(): void;
  /** Ends the agent as `stop` does, and starts it anew at once. */
  restart(): void;
  /** SIGINT, so that the agent says its last words; SIGTERM and SIGKILL where it doesn't heed. Idempotent. */
  stop(): Promise<void>;
}

const firstBackOffMs = 1000;
const longestBackOffMs = 60_000;
/** An agent that ran so long was well: the next time it is started again soon. */
const healthyMs = 60_000;
const settledMs = 3000;
const interruptGraceMs = 5000;
const terminateGraceMs = 2000;
const maxStderrLineBytes = 2048;

/** Runs an agent, and again when it ends, with exponential back-off. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { command, clock, log } = options;
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let timer: Timer;
  let backOffMs = firstBackOffMs;
  let isStopping = false;
  let isRestarting = false;
  let stopped: Promise<void> | undefined;

  function run(): void {
    isRestarting = false;
    const startedMs = clock.now();
    const running = spawnAgent(command);
    child = running;
    options.started();
    const settled = clock.setTimer(options.runs, settledMs);
    ended = finish(running, options).then((reason) => {
      clock.clearTimer(settled);
      child = undefined;
      again(reason, clock.now() - startedMs);
    });
  }

  function again(reason: string, ranMs: number): void {
    if (isStopping) return;
    if (isRestarting) {
      run();
      return;
    }
    if (ranMs >= healthyMs) backOffMs = firstBackOffMs;
    options.died(reason);
    log.warn("The agent ended; it is started again after a while", {
      reason,
      ran: `${Math.round(ranMs)}ms`,
      wait: `${backOffMs}ms`,
    });
    timer = clock.setTimer(run, backOffMs);
    backOffMs = Math.min(2 * backOffMs, longestBackOffMs);
  }

  /** Resolves when the agent has ended. */
  async function end(): Promise<void> {
    const running = child;
    if (!running) return;
    const steps = [
      ["SIGINT", interruptGraceMs],
      ["SIGTERM", terminateGraceMs],
    ] as const;
    for (const [name, graceMs] of steps) {
      signal(running, name);
      if (await within(ended, graceMs)) return;
    }
    signal(running, "SIGKILL");
    await ended;
  }

  function within(done: Promise<void>, ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const late = clock.setTimer(() => resolve(false), ms);
      void done.then(() => {
        clock.clearTimer(late);
        resolve(true);
      });
    });
  }

  return {
    get pid() {
      return child?.pid;
    },
    start: run,
    restart() {
      if (isStopping || isRestarting || !child) return;
      isRestarting = true;
      void end();
    },
    stop() {
      isStopping = true;
      clock.clearTimer(timer);
      stopped ??= end();
      return stopped;
    },
  };
}

/** In a group of its own: Ctrl-C in a terminal is for us to pass on, and its children end with it. */
function spawnAgent({ program, args, env }: AgentCommand): ChildProcess {
  return spawn(program, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch {
    // It has ended already.
  }
}

/** Resolves with the reason when the agent has ended and all that it wrote was read. */
async function finish(child: ChildProcess, { read, stderrLine }: SupervisorOptions): Promise<string> {
  const reason = new Promise<string>((resolve) => {
    child.once("error", (error) => {
      if (child.pid === undefined) resolve(error.message);
    });
    child.once("exit", (code, name) => {
      // Whoever it started would go on without a reader.
      signal(child, "SIGKILL");
      resolve(name === null ? `exit code ${code}` : `ended by ${name}`);
    });
  });
  const reading = [readLines(child.stderr, stderrLine)];
  if (child.stdout) reading.push(read ? read(child.stdout) : drained(child.stdout));
  const text = await reason;
  await Promise.all(reading);
  return text;
}

async function readLines(stream: Readable | null, take: (line: string) => void): Promise<void> {
  if (!stream) return;
  const lines = new LineSplitter(maxStderrLineBytes, () => take("(a line that is too long)"));
  try {
    for await (const chunk of stream) for (const line of lines.push(chunk as Buffer)) take(line.toString());
  } catch {
    // The agent is gone.
  }
  const rest = lines.unfinished();
  if (rest) take(rest.toString());
}

function drained(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    stream.once("close", resolve).resume();
  });
}
