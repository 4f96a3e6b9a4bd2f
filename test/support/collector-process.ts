import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";

/** main.js of the build that the tests belong to. */
export const mainFile = join(import.meta.dirname, "..", "..", "src", "main.js");

/** A running `flamepipe` process. */
export interface CollectorProcess {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  /** Resolves when the text appears in stdout or stderr; rejects when the process ends or 20 s pass without it. */
  saw(text: string): Promise<void>;
  /** Resolves with the exit code (null if a signal ended it). */
  readonly exited: Promise<number | null>;
  /** Ends it if it still runs. */
  stop(): Promise<void>;
}

const patienceMs = 20_000;

/** Starts `command` with `argv`; the tests' own Node is first in PATH. */
export function startProcess(
  command: string,
  argv: readonly string[],
  env: Record<string, string> = {},
): CollectorProcess {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  const child = spawn(command, argv, {
    env: { ...process.env, PATH: path, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const check of waiting) check();
  };
  child.stdout?.on("data", (chunk) => {
    stdout += chunk;
    wake();
  });
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
    wake();
  });
  // "close" comes after the last output.
  const exited = once(child, "close").then(([code]) => code as number | null);
  exited.finally(wake);
  return {
    child,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    saw(text) {
      return new Promise((resolve, reject) => {
        const fail = (why: string) => finish(() => reject(new Error(`${why} without "${text}":\n${stdout}${stderr}`)));
        const timer = setTimeout(() => fail("20 s passed"), patienceMs);
        const finish = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          settle();
        };
        const check = () => {
          if (stdout.includes(text) || stderr.includes(text)) finish(resolve);
          else if (child.exitCode !== null || child.signalCode !== null) fail("the process ended");
        };
        waiting.add(check);
        check();
      });
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
      await exited;
    },
  };
}

/** Starts the collector as `flamepipe ARGV` would. */
export function startCollector(argv: readonly string[], env: Record<string, string> = {}): CollectorProcess {
  return startProcess(process.execPath, [mainFile, ...argv], env);
}

/** Runs a command of the collector to its end. */
export async function runCollector(argv: readonly string[], env: Record<string, string> = {}) {
  const running = startCollector(argv, env);
  const code = await running.exited;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}
