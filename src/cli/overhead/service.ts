import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { CliError } from "../io.js";
import { type Child, startChild } from "./child.js";
import { createHttpGet } from "./load.js";
import { busyServiceSource } from "./package-root.js";

/** What is put under load. */
export interface LoadedService {
  readonly url: URL;
  readonly name: string;
  /** Undefined for a service that ran before us. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  /** A command line that starts it. */
  readonly command: string | undefined;
  readonly url: URL | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const answerPatienceMs = 30_000;
const pollMs = 100;
/** Where there are more CPUs, requests are made heavier, so that one process can still ask for them all. */
const cpusPerUnit = 8;

/** Builds and starts our own busy service, or the one that is asked for. Throws CliError where that can't be. */
export async function startService(options: ServiceOptions): Promise<LoadedService> {
  const { command, url, env, signal } = options;
  if (!url) return startBusyService(env, signal);
  if (command === undefined) {
    await untilAnswered(url, undefined, signal);
    return { url, name: "a service that ran before", pid: undefined, stop: async () => {} };
  }
  const child = await startChild({ program: "/bin/sh", args: ["-c", command], env, stopsGroup: true });
  child.stdout.resume();
  try {
    await untilAnswered(url, child, signal);
  } catch (caught) {
    await child.stop();
    throw caught;
  }
  return { url, name: command, pid: child.pid, stop: child.stop };
}

async function untilAnswered(url: URL, child: Child | undefined, signal: AbortSignal): Promise<void> {
  const client = createHttpGet(url, 1);
  try {
    for (const endMs = performance.now() + answerPatienceMs; ; await sleep(pollMs, undefined, { signal })) {
      const failure = await client.get();
      if (failure === "") return;
      if (child?.end !== undefined) throw new CliError(`the service ended (${child.end}):\n${child.said()}`);
      const isOver = child === undefined || performance.now() >= endMs;
      if (isOver) throw new CliError(`the service does not answer ${url} with 2xx: ${failure}`);
    }
  } finally {
    client.close();
  }
}

async function startBusyService(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<LoadedService> {
  const folder = mkdtempSync(join(tmpdir(), "flamepipe-busy-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const program = join(folder, "busy-service");
    await build(program, env, signal);
    const units = Math.ceil(availableParallelism() / cpusPerUnit);
    const child = await startChild({ program, args: ["-units", String(units)], env, stopsGroup: true });
    const url = await firstLine(child);
    const stop = async () => {
      await child.stop();
      remove();
    };
    return { url: new URL(url), name: `bench/busy-service -units ${units}`, pid: child.pid, stop };
  } catch (caught) {
    remove();
    throw caught;
  }
}

const withoutGo =
  "the busy service has to be built, and there is no `go` on PATH. Install Go 1.21 or newer (https://go.dev/dl), keep PATH " +
  'where sudo resets it (sudo env "PATH=$PATH" bin/flamepipe overhead), or measure a service of yours: ' +
  "--service COMMAND --url URL";

async function build(
  output: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  const goEnv = { ...env, GOWORK: "off", GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" };
  const args = ["build", "-o", output, "."];
  const go = await startChild({ program: "go", args, env: goEnv, cwd: busyServiceSource, stopsGroup: true }).catch(
    (error: CliError) => {
      throw error.message === "there is no go" ? new CliError(withoutGo) : error;
    },
  );
  go.stdout.resume();
  const stop = () => void go.stop();
  signal.addEventListener("abort", stop, { once: true });
  const end = await go.ended;
  signal.removeEventListener("abort", stop);
  signal.throwIfAborted();
  if (end !== "exit code 0") throw new CliError(`the busy service can't be built (${end}):\n${go.said()}`);
}

async function firstLine(child: Child): Promise<string> {
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, "line"), child.ended.then(() => [""])]);
  lines.close();
  child.stdout.resume();
  if (line === "") throw new CliError(`the busy service ended (${child.end}):\n${child.said()}`);
  return line;
}
