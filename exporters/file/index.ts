import type { Exporter, ExporterFactory, Settings } from "../../src/component/factory.js";
import { queueField, retryField } from "../../src/delivery/config.js";
import { createExporter } from "../../src/delivery/exporter.js";
import { encode } from "../../src/net/compression.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { protoToJson } from "../../src/proto/otlp-json.js";
import { type FileExporterConfig, fileExporterSchema } from "./config.js";
import { createFileWriter } from "./file-writer.js";
import { createPprofFiles } from "./pprof-files.js";

/** As the Collector's, without a queue and without retries: the sender hears what became of its data. */
const noQueue = queueField({ enabledByDefault: false }).parse({ enabled: false });
const noRetry = retryField().parse({ enabled: false });

function createFileExporter(settings: Settings, config: FileExporterConfig): Exporter {
  const common = { settings, timeoutMs: 0, retry: noRetry, queue: noQueue };
  if (config.format === "pprof") {
    const files = createPprofFiles(config);
    return createExporter({ ...common, start: files.open, send: files.write });
  }
  const writer = createFileWriter(config, settings.log);
  return createExporter({
    ...common,
    start: writer.open,
    shutdown: writer.close,
    send: async (profiles) => writer.write(await recordOf(profiles, config)),
  });
}

const newline = Buffer.from("\n");

/** One batch as it stands in the file. */
async function recordOf(profiles: Profiles, config: FileExporterConfig): Promise<readonly Buffer[]> {
  const parts = profiles.encode();
  const plain = config.format === "json" ? [protoToJson(Buffer.concat(parts))] : parts;
  if (config.compression === "zstd") {
    return withLength(await encode("zstd", plain, config.compression_params.level || 3));
  }
  return config.format === "json" ? [...plain, newline] : withLength(plain);
}

function withLength(parts: readonly Buffer[]): readonly Buffer[] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
  return [length, ...parts];
}

/** Writes profiles to files. */
export const file: ExporterFactory<FileExporterConfig> = {
  kind: "exporter",
  type: "file",
  stability: "beta",
  summary: "Writes OTLP (JSON lines or protobuf) or pprof files, with rotation",
  signals: ["profiles"],
  schema: fileExporterSchema,
  create: createFileExporter,
};
