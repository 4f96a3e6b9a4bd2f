import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { get } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { busyServiceSource } from "../src/cli/overhead/package-root.js";

/** What runs on the host while collectors are measured. */
export interface HostLoad {
  readonly servicePids: readonly number[];
  /** Processes that were started beside the services. */
  readonly started: number;
  stop(): void;
}

export interface HostLoadOptions {
  /** Where programs are built. */
  readonly folder: string;
  readonly services: number;
  /** New processes a second. */
  readonly churn: number;
  /** True if a Go program is built every four seconds. */
  readonly builds: boolean;
}

/** A request of so many units takes about 10 ms: four services at this pace take 45 % of a core together. */
const unitsPerRequest = 20;
const requestsPerSecond = 11;
const buildEveryMs = 4000;

/** Programs that live for some milliseconds and that every host has. */
const shortPrograms: readonly (readonly string[])[] = [
  ["/bin/sh", "-c", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done"],
  ["awk", "BEGIN { for (i = 0; i < 60000; i++) sum += i % 7; print sum }"],
  ["gzip", "-c", "/bin/sh"],
  ["sort", "/etc/services"],
  ["ls", "-lR", "/etc"],
];

/** Starts stripped Go services with requests, and short processes beside them. */
export async function startHostLoad({ folder, services, churn, builds }: HostLoadOptions): Promise<HostLoad> {
  const children = new Set<ChildProcess>();
  const timers: NodeJS.Timeout[] = [];
  let started = 0;

  function start(program: string, args: readonly string[], stdio: "ignore" | "pipe"): ChildProcess {
    const child = spawn(program, args, { stdio: [stdio, stdio, "ignore"] });
    children.add(child);
    child.once("exit", () => children.delete(child));
    return child;
  }

  async function startService(program: string): Promise<number> {
    const child = start(program, ["-units", String(unitsPerRequest)], "pipe");
    if (!child.stdout) throw new Error("a service without output");
    const [url] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const ask = () => get(url, (answer) => answer.resume()).on("error", () => {});
    timers.push(setInterval(ask, 1000 / requestsPerSecond));
    return child.pid as number;
  }

  const program = join(folder, "shop");
  if (services > 0) build(program);
  const servicePids: number[] = [];
  for (let i = 0; i < services; i++) servicePids.push(await startService(program));
  if (churn > 0) {
    const next = () => {
      const [file, ...args] = shortPrograms[started++ % shortPrograms.length];
      start(file, args, "ignore");
    };
    timers.push(setInterval(next, 1000 / churn));
  }
  if (builds) timers.push(setInterval(() => start("go", buildArgs(join(folder, "built")), "ignore"), buildEveryMs));
  return {
    servicePids,
    get started() {
      return started;
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
      for (const child of children) child.kill("SIGKILL");
    },
  };
}

function build(output: string): void {
  const env = { ...process.env, GOWORK: "off", GOTOOLCHAIN: "local" };
  execFileSync("go", buildArgs(output), { env, stdio: ["ignore", "ignore", "inherit"] });
}

/** Stripped: names are then in Go's line table alone. */
function buildArgs(output: string): string[] {
  return ["build", "-C", busyServiceSource, "-buildvcs=false", "-ldflags=-s -w", "-o", output, "."];
}
