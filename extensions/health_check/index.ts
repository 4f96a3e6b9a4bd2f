import type { Extension, ExtensionFactory, Settings } from "../../src/component/factory.js";
import { createHttpServer, type HttpServerResponse } from "../../src/net/http-server.js";
import { answerFor } from "../../src/net/status.js";
import { type HealthCheckConfig, healthCheckSchema } from "./config.js";

/** A probe under way gets this long to finish at shutdown. */
const shutdownGraceMs = 1000;

/** Says on which port it listens, once started (for `endpoint: localhost:0`). */
export interface HealthCheck extends Extension {
  readonly port: number;
}

export function createHealthCheck(
  settings: Settings,
  config: HealthCheckConfig,
  now: () => number = Date.now,
): HealthCheck {
  let readySince: number | undefined;
  let port = 0;

  function status(): HttpServerResponse {
    const healthy = readySince !== undefined;
    const code = healthy ? 200 : 503;
    const fixed = config.response_body;
    if (fixed) {
      const headers = { "content-type": "text/plain; charset=utf-8" };
      return { status: code, headers, body: Buffer.from(healthy ? fixed.healthy : fixed.unhealthy) };
    }
    const body = JSON.stringify(describe(readySince, now()));
    return { status: code, headers: { "content-type": "application/json" }, body: Buffer.from(body) };
  }

  const server = createHttpServer({
    config,
    settings,
    routes: [
      {
        path: config.path,
        methods: ["GET", "HEAD"],
        handle: async () => status(),
        fail: (error) => ({ status: answerFor(error).httpStatus, body: Buffer.from(error.message) }),
      },
    ],
  });
  return {
    get port() {
      return port;
    },
    async start() {
      port = await server.start();
      settings.log.info("Health status is served.", { port, path: config.path });
    },
    shutdown: () => server.shutdown(shutdownGraceMs),
    ready() {
      readySince = now();
    },
    notReady() {
      readySince = undefined;
    },
  };
}

function describe(readySince: number | undefined, now: number) {
  if (readySince === undefined) return { status: "Server not available", upSince: "0001-01-01T00:00:00Z", uptime: "" };
  return {
    status: "Server available",
    upSince: new Date(readySince).toISOString(),
    uptime: goDuration(now - readySince),
  };
}

/** Milliseconds as Go prints a duration: "1h2m3.5s", "250ms", "0s". */
function goDuration(ms: number): string {
  if (ms <= 0) return "0s";
  if (ms < 1000) return `${ms}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor(ms / 60_000) % 60;
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}

/** Tells load balancers and orchestrators whether the pipelines run. */
export const healthCheck: ExtensionFactory<HealthCheckConfig> = {
  kind: "extension",
  type: "health_check",
  stability: "beta",
  summary: "Answers probes over HTTP: 200 while all pipelines run, else 503.",
  signals: ["profiles"],
  schema: healthCheckSchema,
  create: (settings, config) => createHealthCheck(settings, config),
};
