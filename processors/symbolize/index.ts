import type { ProcessorFactory } from "../../src/component/factory.js";
import { type SymbolizeConfig, symbolizeSchema } from "./config.js";
import { createSymbolizeProcessor } from "./symbolize-processor.js";

/** Gives native frames that came as addresses their functions' names. */
export const symbolize: ProcessorFactory<SymbolizeConfig> = {
  kind: "processor",
  type: "symbolize",
  stability: "alpha",
  summary: "Names native frames that came as addresses, from the binaries of this host and from uploaded ones.",
  signals: ["profiles"],
  schema: symbolizeSchema,
  create: (settings, config, next) => createSymbolizeProcessor(settings, config, next),
};
