import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import type { Receiver, ReceiverFactory, Settings } from "../../src/component/factory.js";
import { createGrpcServer } from "../../src/net/grpc-server.js";
import { createHttpServer } from "../../src/net/http-server.js";
import { createOtlpIntake, type OtlpIntake, profilesGrpcPath } from "../../src/net/otlp-intake.js";
import { encodeExportResponse } from "../../src/proto/export-response.js";
import { type OtlpReceiverConfig, otlpReceiverSchema } from "./config.js";
import { profilesRoute } from "./http.js";

/** Requests under way get this long to finish at shutdown. */
const shutdownGraceMs = 5000;

/** One listening protocol. */
interface Listener {
  readonly protocol: string;
  start(): Promise<number>;
  shutdown(graceMs: number): Promise<void>;
}

/** A receiver that says on which ports it listens, once started (for `port: 0`). */
export interface OtlpReceiver extends Receiver {
  readonly ports: Readonly<Record<string, number>>;
}

function grpcListener(
  settings: Settings,
  config: NonNullable<OtlpReceiverConfig["protocols"]["grpc"]>,
  intake: OtlpIntake,
): Listener {
  const server = createGrpcServer(config, settings);
  // Not async: a frame that waits would keep the bytes alive.
  const answer = (body: Buffer, ctx: Context) => intake.consume(body, ctx).then(encodeExportResponse);
  server.addUnary(profilesGrpcPath, answer, intake.budget);
  return { protocol: "grpc", start: server.start, shutdown: server.shutdown };
}

function httpListener(
  settings: Settings,
  config: NonNullable<OtlpReceiverConfig["protocols"]["http"]>,
  intake: OtlpIntake,
): Listener {
  const { budget } = intake;
  // In plaintext no OTLP client speaks HTTP/2 here; over TLS Go's ask for it by ALPN.
  const http2 = config.tls !== undefined;
  const server = createHttpServer({ config, settings, routes: [profilesRoute(intake)], budget, http2 });
  return { protocol: "http", start: server.start, shutdown: server.shutdown };
}

function createOtlpReceiver(settings: Settings, config: OtlpReceiverConfig, next: Consumer): OtlpReceiver {
  const intake = createOtlpIntake(settings, config.max_in_flight_bytes, next);
  const listeners: Listener[] = [];
  const { grpc, http } = config.protocols;
  if (grpc) listeners.push(grpcListener(settings, grpc, intake));
  if (http) listeners.push(httpListener(settings, http, intake));
  const ports: Record<string, number> = {};

  return {
    ports,
    async start() {
      for (const listener of listeners) {
        ports[listener.protocol] = await listener.start();
        settings.log.info("Listening", { protocol: listener.protocol, port: ports[listener.protocol] });
      }
    },
    async shutdown() {
      await Promise.all(listeners.map((listener) => listener.shutdown(shutdownGraceMs)));
    },
  };
}

export const otlp: ReceiverFactory<OtlpReceiverConfig> = {
  kind: "receiver",
  type: "otlp",
  stability: "beta",
  summary: "OTLP profiles over gRPC and HTTP",
  signals: ["profiles"],
  schema: otlpReceiverSchema,
  create: createOtlpReceiver,
};
