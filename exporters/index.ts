import type { ExporterFactory } from "../src/component/factory.js";
import { nop } from "./nop/index.js";

export const exporters: readonly ExporterFactory[] = [nop];
