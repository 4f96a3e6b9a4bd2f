import type { Exporter, ExporterFactory, Settings } from "../../src/component/factory.js";
import { createExporter } from "../../src/delivery/exporter.js";
import { createGrpcClient } from "../../src/net/grpc-client.js";
import { decodeExportResponse } from "../../src/proto/export-response.js";
import { traceHeaders } from "../../src/telemetry/trace.js";
import { type OtlpGrpcConfig, otlpGrpcSchema } from "./config.js";

const path = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";

function createOtlpGrpcExporter(settings: Settings, config: OtlpGrpcConfig): Exporter {
  const client = createGrpcClient(config, settings);
  return createExporter({
    settings,
    timeoutMs: config.timeout,
    retry: config.retry_on_failure,
    queue: config.sending_queue,
    async send(profiles, ctx) {
      const timeoutMs = ctx.deadlineMs === undefined ? 0 : Math.max(1, ctx.deadlineMs - performance.now());
      const metadata = ctx.span === undefined ? undefined : traceHeaders(ctx.span);
      const reply = await client.unary({ path, body: profiles.encode(), signal: ctx.signal, timeoutMs, metadata });
      // The empty reply of nearly every request needs no reading; what can't be read was still accepted.
      const partial = reply.length === 0 ? undefined : decodeExportResponse(reply);
      if (partial && (partial.rejectedProfiles !== 0n || partial.errorMessage !== "")) {
        settings.log.warn("Partial success response", {
          message: partial.errorMessage,
          dropped_profiles: partial.rejectedProfiles.toString(),
        });
      }
    },
    // Connects at once, but a backend that is down does not keep us from starting.
    start: () => client.connect(),
    shutdown: () => client.close(),
  });
}

export const otlpGrpc: ExporterFactory<OtlpGrpcConfig> = {
  kind: "exporter",
  type: "otlp_grpc",
  aliases: ["otlp"],
  stability: "beta",
  summary: "OTLP profiles to any backend over gRPC",
  signals: ["profiles"],
  schema: otlpGrpcSchema,
  create: createOtlpGrpcExporter,
};
