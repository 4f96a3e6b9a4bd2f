import type { ExporterFactory } from "../src/component/factory.js";
import { debug } from "./debug/index.js";
import { file } from "./file/index.js";
import { nop } from "./nop/index.js";
import { otlpGrpc } from "./otlp_grpc/index.js";
import { otlpHttp } from "./otlp_http/index.js";
import { pyroscope } from "./pyroscope/index.js";

export const exporters: readonly ExporterFactory[] = [debug, file, nop, otlpGrpc, otlpHttp, pyroscope];
