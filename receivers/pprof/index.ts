import type { ReceiverFactory } from "../../src/component/factory.js";
import { type PprofReceiverConfig, pprofReceiverSchema } from "./config.js";
import { createPprofReceiver } from "./pprof-receiver.js";

/** Scrapes net/http/pprof. */
export const pprof: ReceiverFactory<PprofReceiverConfig> = {
  kind: "receiver",
  type: "pprof",
  stability: "beta",
  summary: "Scrapes pprof endpoints (Go's net/http/pprof), and reads files of profiles",
  signals: ["profiles"],
  schema: pprofReceiverSchema,
  create: (settings, config, next) => createPprofReceiver(settings, config, next),
};
