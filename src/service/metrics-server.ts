import { createServer, type Server } from "node:http";
import type { Metrics } from "../telemetry/metrics.js";
import type { Attendant } from "./service.js";

export interface MetricsServerOptions {
  readonly host: string;
  readonly port: number;
  /** What `metrics.text()` is turned into before it is sent. */
  readonly rewrite: (exposition: string) => string;
}

/** Own metrics at http://host:port/metrics. */
export interface MetricsServer extends Attendant {
  /** The port that it listens on, once started. */
  port(): number;
}

export function createMetricsServer(metrics: Metrics, options: MetricsServerOptions): MetricsServer {
  const server = createServer((request, response) => {
    const path = request.url?.split("?", 1)[0];
    if (path !== "/metrics") {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found; metrics are at /metrics\n");
      return;
    }
    metrics.text().then(
      (text) => response.writeHead(200, { "content-type": metrics.contentType() }).end(options.rewrite(text)),
      (error: Error) => response.writeHead(500, { "content-type": "text/plain" }).end(`${error.message}\n`),
    );
  });
  return {
    start: () => listen(server, options),
    shutdown: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    port() {
      const address = server.address();
      return typeof address === "object" && address !== null ? address.port : options.port;
    },
  };
}

function listen(server: Server, { host, port }: MetricsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(new Error(explain(error, host, port))));
    // As Go reads it: an IPv4 address, where a name has both.
    server.listen({ host: host === "localhost" ? "127.0.0.1" : host, port }, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code !== "EADDRINUSE") return `cannot serve own metrics at ${host}:${port}: ${error.message}`;
  return (
    `cannot serve own metrics: listen tcp ${host}:${port}: bind: address already in use ` +
    "(another collector on this machine? choose a port with service.telemetry.metrics.readers, " +
    "or turn own metrics off with --set service.telemetry.metrics.level=none)"
  );
}
