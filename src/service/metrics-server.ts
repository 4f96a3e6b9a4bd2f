import { z } from "zod";
import { formatHostPort } from "../net/endpoint.js";
import { httpServerFields } from "../net/http-config.js";
import { createHttpServer } from "../net/http-server.js";
import type { Logger } from "../telemetry/log.js";
import type { Metrics } from "../telemetry/metrics.js";
import type { Attendant } from "./service.js";

/** Own metrics at http://host:port/metrics. */
export interface MetricsServer extends Attendant {
  /** The port that it listens on, once started. */
  port(): number;
}

const serverSchema = z.strictObject({ endpoint: z.string(), ...httpServerFields });
/** A scrape under way gets this long to finish at shutdown. */
const shutdownGraceMs = 1000;

export function createMetricsServer(metrics: Metrics, host: string, port: number, log: Logger): MetricsServer {
  const endpoint = formatHostPort(host, port);
  let listening = port;
  const server = createHttpServer({
    config: serverSchema.parse({ endpoint }),
    settings: { log },
    routes: [
      {
        path: "/metrics",
        methods: ["GET", "HEAD"],
        async handle() {
          const headers = { "content-type": metrics.contentType() };
          return { status: 200, headers, body: Buffer.from(await metrics.text()) };
        },
        fail: (error) => ({ status: 500, body: Buffer.from(`${error.message}\n`) }),
      },
    ],
  });
  return {
    async start() {
      try {
        listening = await server.start();
      } catch (caught) {
        throw new Error(explain(caught as NodeJS.ErrnoException, endpoint), { cause: caught });
      }
    },
    shutdown: () => server.shutdown(shutdownGraceMs),
    port: () => listening,
  };
}

function explain(error: NodeJS.ErrnoException, endpoint: string): string {
  if (error.code !== "EADDRINUSE") return `cannot serve own metrics at ${endpoint}: ${error.message}`;
  return (
    `cannot serve own metrics: listen tcp ${endpoint}: bind: address already in use ` +
    "(another collector on this machine? choose a port with service.telemetry.metrics.readers, " +
    "or turn own metrics off with --set service.telemetry.metrics.level=none)"
  );
}
