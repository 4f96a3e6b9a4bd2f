import type { ReceiverFactory } from "../src/component/factory.js";
import { ebpf } from "./ebpf/index.js";
import { otlp } from "./otlp/index.js";
import { otlpJsonFile } from "./otlp_json_file/index.js";
import { parca } from "./parca/index.js";
import { pprof } from "./pprof/index.js";
import { pyroscope } from "./pyroscope/index.js";

export const receivers: readonly ReceiverFactory[] = [ebpf, otlp, otlpJsonFile, parca, pprof, pyroscope];
