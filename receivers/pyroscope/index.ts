import type { Consumer } from "../../src/component/consumer.js";
import type { Receiver, ReceiverFactory, Settings } from "../../src/component/factory.js";
import { defaultMaxBodyBytes } from "../../src/net/http-config.js";
import { createHttpServer, type HttpRoute } from "../../src/net/http-server.js";
import { type PyroscopeReceiverConfig, pyroscopeReceiverSchema } from "./config.js";
import { createDebuginfoProxy } from "./debuginfo.js";
import { ingestRoutes } from "./ingest.js";
import { pushRoute } from "./push.js";
import { watchRefusals } from "./refusals.js";

/** Requests under way get this long to finish at shutdown. */
const shutdownGraceMs = 5000;

/** A receiver that says on which port it listens, once started (for `port: 0`). */
export interface PyroscopeReceiver extends Receiver {
  readonly port: number;
}

/** GET /ready: what clients and probes of Pyroscope ask. */
const readyRoute: HttpRoute = {
  path: "/ready",
  methods: ["GET", "HEAD"],
  handle: async () => ({ status: 200, headers: { "content-type": "text/plain" }, body: Buffer.from("ready\n") }),
  fail: () => ({ status: 400 }),
};

function createPyroscopeReceiver(
  settings: Settings,
  config: PyroscopeReceiverConfig,
  next: Consumer,
): PyroscopeReceiver {
  const maxBytes = config.max_request_body_size > 0 ? config.max_request_body_size : defaultMaxBodyBytes;
  const debuginfo = createDebuginfoProxy(settings, config.debuginfo);
  const routes = [pushRoute(next, maxBytes), ...ingestRoutes(next, maxBytes), debuginfo.route, readyRoute];
  const server = createHttpServer({ config, settings, routes: routes.map(watchRefusals(settings)), http2: true });
  let port = 0;

  return {
    get port() {
      return port;
    },
    async start() {
      port = await server.start();
      settings.log.info("Listening", { port });
    },
    async shutdown() {
      await server.shutdown(shutdownGraceMs);
      await debuginfo.close();
    },
  };
}

export const pyroscope: ReceiverFactory<PyroscopeReceiverConfig> = {
  kind: "receiver",
  type: "pyroscope",
  stability: "beta",
  summary: "Whatever sends to Pyroscope: push.v1 and /ingest, on one port",
  signals: ["profiles"],
  schema: pyroscopeReceiverSchema,
  create: createPyroscopeReceiver,
};
