import type { ExporterFactory } from "../src/component/factory.js";
import { debug } from "./debug/index.js";
import { nop } from "./nop/index.js";
import { otlpGrpc } from "./otlp_grpc/index.js";

export const exporters: readonly ExporterFactory[] = [debug, nop, otlpGrpc];
