import { type ChildProcess, fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import type { Clock } from "../../src/delivery/clock.js";
import { cpuWaitMs } from "../../src/proc/cpu-wait.js";
import type { Logger } from "../../src/telemetry/log.js";
import type { Answer, FromWorker, Reply, Request, WorkerOptions } from "./protocol.js";
import { type SourceFault, type SymbolSource, SymbolSourceError } from "./symbol-source.js";

/** Requests that wait; what comes beyond is asked again with a later batch. */
const maxWaiting = 256;
const firstBackOffMs = 1000;
const longestBackOffMs = 60_000;
const memoryCheckMs = 50;
/** How long a shutdown waits for the process to be gone. */
const longestEndMs = 2000;
const pageBytes = 4096;
/** A machine that is busy lets a process of low priority wait: so many times its time at most are added for that. */
const mostWaits = 5;

export interface WorkerProcessSettings {
  readonly options: WorkerOptions;
  readonly memoryLimitBytes: number;
  readonly requestTimeoutMs: number;
  readonly log: Logger;
  readonly clock: Clock;
  /** Told when the process had to be ended, or ended by itself. */
  readonly ended: (fault: SourceFault) => void;
  /** The file that the process runs. */
  readonly entry?: string;
  /** How long a process has waited for a CPU so far. */
  readonly cpuWaitMs?: (pid: number) => number;
}

interface Pending {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: SymbolSourceError) => void;
}

/**
 * Runs the process that reads binaries: started with the first request, given one request at a time, watched for time and
 * memory, and started again after a pause when it has ended. A request during that pause is refused at once.
 */
export function createWorkerProcess(settings: WorkerProcessSettings): SymbolSource {
  const entry = settings.entry ?? fileURLToPath(new URL("./worker-main.js", import.meta.url));
  const { clock, requestTimeoutMs } = settings;
  const waitedMs = ({ pid }: ChildProcess): number =>
    pid === undefined ? 0 : (settings.cpuWaitMs ?? ((each) => cpuWaitMs("/proc", each)))(pid);
  const waiting: Pending[] = [];
  let current: Pending | undefined;
  let child: ChildProcess | undefined;
  let watch: NodeJS.Timeout | undefined;
  let nextId = 1;
  let backOffMs = 0;
  let pausedUntilMs = 0;
  let closed = false;
  /** True once the process runs: what ends it before that is no fault of a binary. */
  let isUp = false;

  /** undefined if the system has no room for another process. */
  function start(): ChildProcess | undefined {
    const heapMib = Math.floor(settings.memoryLimitBytes / 2 / 1024 / 1024);
    let started: ChildProcess;
    try {
      started = fork(entry, [JSON.stringify(settings.options)], {
        execArgv: [`--max-old-space-size=${heapMib}`],
        serialization: "advanced",
        stdio: ["ignore", "ignore", "ignore", "ipc"],
        env: {},
      });
    } catch {
      return undefined;
    }
    isUp = false;
    started.on("message", (message: FromWorker) => {
      if (started !== child) return;
      if ("ready" in message) isUp = true;
      else settle(message);
    });
    started.on("exit", () => lost(started, "crashed"));
    started.on("error", () => lost(started, "crashed"));
    started.unref();
    started.channel?.unref();
    lowerPriority(started.pid);
    return started;
  }

  function settle(reply: Reply): void {
    const pending = current;
    if (pending?.request.id !== reply.id) return;
    finish();
    backOffMs = 0;
    pending.resolve(reply);
    sendNext();
  }

  function finish(): void {
    current = undefined;
    clearInterval(watch);
    child?.channel?.unref();
  }

  /** The process is gone or has to go; the request that it had is the one to blame. */
  function lost(from: ChildProcess | undefined, fault: SourceFault): void {
    if (from !== child) return;
    const pending = current;
    finish();
    child = undefined;
    from?.kill("SIGKILL");
    if (closed) return;
    backOffMs = Math.min(Math.max(backOffMs * 2, firstBackOffMs), longestBackOffMs);
    pausedUntilMs = clock.now() + backOffMs;
    const reason = isUp ? fault : "unavailable";
    settings.ended(reason);
    settings.log.warn("The process that reads binaries ended and is replaced after a pause.", {
      reason,
      binary: pending?.request.target.file ?? "",
      pause_ms: backOffMs,
    });
    pending?.reject(new SymbolSourceError(reason));
    for (const each of waiting.splice(0)) each.reject(new SymbolSourceError("unavailable"));
  }

  function sendNext(): void {
    const pending = current ? undefined : waiting.shift();
    if (!pending) return;
    current = pending;
    child ??= start();
    const asked = child;
    if (!asked) {
      isUp = false;
      lost(undefined, "unavailable");
      return;
    }
    asked.channel?.ref();
    const deadlineMs = clock.now() + requestTimeoutMs;
    const waitedBeforeMs = waitedMs(asked);
    const isLate = (): boolean => {
      const lateMs = clock.now() - deadlineMs;
      return lateMs >= 0 && lateMs >= Math.min(waitedMs(asked) - waitedBeforeMs, mostWaits * requestTimeoutMs);
    };
    watch = setInterval(() => {
      if (isLate()) lost(asked, "timeout");
      else if (residentBytes(asked.pid) > settings.memoryLimitBytes) lost(asked, "memory");
    }, memoryCheckMs);
    asked.send(pending.request, (error) => {
      if (error) lost(asked, "crashed");
    });
  }

  return {
    request(request) {
      const refusal = closed ? "closed" : clock.now() < pausedUntilMs ? "unavailable" : undefined;
      const fault = refusal ?? (waiting.length >= maxWaiting ? "busy" : undefined);
      if (fault) return Promise.reject(new SymbolSourceError(fault));
      return new Promise((resolve, reject) => {
        waiting.push({ request: { ...request, id: nextId++ }, resolve, reject });
        sendNext();
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      const last = child;
      for (const each of waiting.splice(0)) each.reject(new SymbolSourceError("closed"));
      current?.reject(new SymbolSourceError("closed"));
      if (!last) return;
      finish();
      if (last.exitCode !== null || last.signalCode !== null) return;
      // It only reads: nothing of it is worth waiting for, least of all a file system that doesn't answer.
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(resolve, longestEndMs);
        last.once("exit", () => {
          clock.clearTimer(timer);
          resolve();
        });
        last.ref();
        last.kill("SIGKILL");
      });
      last.unref();
    },
  };
}

/** Resident memory of a process; 0 where the system doesn't say. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * pageBytes;
  } catch {
    return 0;
  }
}

/** Reading binaries waits for everything else. */
function lowerPriority(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, 10);
  } catch {
    // Not allowed here: it runs as it is.
  }
}
