import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../io.js";

export interface ChildOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** True where whatever it started is to be told to end as well, not only itself. */
  readonly stopsGroup: boolean;
}

/** A process of ours that writes to stderr what happens to it. */
export interface Child {
  readonly pid: number;
  /** Has to be read, or the process waits. */
  readonly stdout: Readable;
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** Undefined while it runs. */
  readonly end: string | undefined;
  /** The last of what it wrote to stderr. */
  said(): string;
  /** Resolves with true when a text was written to stderr, and with false when it ended without. */
  says(text: string): Promise<boolean>;
  /** SIGTERM, and SIGKILL where that isn't heeded; resolves when it has ended. Idempotent. */
  stop(): Promise<void>;
}

const terminateGraceMs = 30_000;
const maxSaidChars = 8192;

/**
 * Starts a program in a process group of its own: Ctrl-C in a terminal reaches us alone, and we end it in order. Its stdin
 * stays open until it or we end. Throws CliError where it can't be started.
 */
export async function startChild({ program, args, env, cwd, stopsGroup }: ChildOptions): Promise<Child> {
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const { stdout, stderr, stdin } = child;
  let said = "";
  let end: string | undefined;
  const listeners = new Set<() => void>();
  stderr.setEncoding("utf8").on("data", (chunk: string) => {
    said += chunk;
    for (const listener of listeners) listener();
    said = said.slice(-maxSaidChars);
  });
  // It may end before we do.
  stdin.on("error", () => {});
  const closed = once(child, "close").catch(() => {});
  const ended = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      end = signal === null ? `exit code ${code}` : `ended by ${signal}`;
      // Whatever it left behind has nobody to end it.
      kill("SIGKILL", true);
      resolve(end);
    });
  });
  await once(child, "spawn").catch((error: NodeJS.ErrnoException) => {
    throw new CliError(error.code === "ENOENT" ? `there is no ${program}` : `${program}: ${error.message}`);
  });
  const pid = child.pid as number;

  function kill(signal: NodeJS.Signals, wholeGroup: boolean): void {
    try {
      process.kill(wholeGroup ? -pid : pid, signal);
    } catch {
      // It has ended already.
    }
  }

  return {
    pid,
    stdout,
    ended,
    get end() {
      return end;
    },
    said: () => said.trimEnd(),
    says: (text) =>
      new Promise((resolve) => {
        const settle = () => {
          listeners.delete(listen);
          resolve(said.includes(text));
        };
        const listen = () => {
          if (said.includes(text)) settle();
        };
        listeners.add(listen);
        listen();
        // Not before the last of what it wrote.
        void closed.then(settle);
      }),
    async stop() {
      if (end === undefined) kill("SIGTERM", stopsGroup);
      const late = new AbortController();
      const overdue = sleep(terminateGraceMs, undefined, { signal: late.signal }).then(
        () => kill("SIGKILL", true),
        () => {},
      );
      await ended;
      late.abort();
      await overdue;
      stdin.destroy();
    },
  };
}
