import { Agent, get as httpGet, type IncomingMessage, type RequestOptions } from "node:http";
import { get as httpsGet, Agent as TlsAgent } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { LatencyHistogram } from "./latency-histogram.js";

/** What became of the requests that ended between `begin` and `end`. */
export interface LoadResult {
  /** Those that were answered with 2xx. */
  readonly requests: number;
  readonly failed: number;
  /** Why the last of those failed. */
  readonly failure: string;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Load {
  begin(): void;
  end(): LoadResult;
  /** Breaks off what is under way. */
  stop(): Promise<void>;
}

const requestTimeoutMs = 10_000;
/** So that a service that is down isn't asked in a busy loop. */
const pauseAfterFailureMs = 50;

/** Keeps `connections` requests under way, on kept-alive connections: each next one begins when one is answered. */
export function startLoad(url: URL, connections: number): Load {
  const client = createHttpGet(url, connections);
  let window = createWindow();
  let isStopped = false;

  async function worker(): Promise<void> {
    while (!isStopped) {
      const startMs = performance.now();
      const failure = await client.get();
      if (isStopped) return;
      if (failure === "") {
        window.latencies.record(performance.now() - startMs);
      } else {
        window.failed++;
        window.failure = failure;
        await sleep(pauseAfterFailureMs);
      }
    }
  }

  const workers = Promise.all(Array.from({ length: connections }, worker));
  return {
    begin() {
      window = createWindow();
    },
    end() {
      const { latencies, failed, failure, startMs } = window;
      return {
        requests: latencies.count,
        failed,
        failure,
        seconds: (performance.now() - startMs) / 1000,
        p50Ms: latencies.percentileMs(0.5),
        p99Ms: latencies.percentileMs(0.99),
      };
    },
    async stop() {
      isStopped = true;
      client.close();
      await workers;
    },
  };
}

function createWindow() {
  return { latencies: new LatencyHistogram(), failed: 0, failure: "", startMs: performance.now() };
}

export interface HttpGet {
  /** Resolves when the whole answer is there: "" for 2xx, else with what was wrong. Never rejects. */
  get(): Promise<string>;
  /** Breaks off what is under way. */
  close(): void;
}

export function createHttpGet(url: URL, connections: number): HttpGet {
  const isTls = url.protocol === "https:";
  const agent = new (isTls ? TlsAgent : Agent)({ keepAlive: true, maxSockets: connections });
  const options: RequestOptions = { agent, timeout: requestTimeoutMs };
  const start = isTls ? httpsGet : httpGet;
  return {
    get: () =>
      new Promise((resolve) => {
        const failed = (error: Error) => resolve(error.message);
        const request = start(url, options, (response: IncomingMessage) => {
          const { statusCode = 0 } = response;
          response.on("error", failed);
          response.on("end", () => resolve(statusCode >= 200 && statusCode < 300 ? "" : `HTTP ${statusCode}`));
          response.resume();
        });
        request.on("error", failed);
        request.on("timeout", () => request.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
      }),
    close: () => agent.destroy(),
  };
}
