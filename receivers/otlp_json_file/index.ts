import type { ReceiverFactory } from "../../src/component/factory.js";
import { type OtlpJsonFileConfig, otlpJsonFileSchema } from "./config.js";
import { createJsonFileReceiver } from "./json-file-receiver.js";

/** Reads what the file exporter wrote. */
export const otlpJsonFile: ReceiverFactory<OtlpJsonFileConfig> = {
  kind: "receiver",
  type: "otlp_json_file",
  aliases: ["otlpjsonfile"],
  stability: "beta",
  summary: "Reads and follows files of OTLP JSON lines, such as the file exporter writes",
  signals: ["profiles"],
  schema: otlpJsonFileSchema,
  create: (settings, config, next) => createJsonFileReceiver(settings, config, next),
};
