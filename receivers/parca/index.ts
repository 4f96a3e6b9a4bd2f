import type { ReceiverFactory } from "../../src/component/factory.js";
import { type ParcaReceiverConfig, parcaReceiverSchema } from "./config.js";
import { createParcaReceiver } from "./parca-receiver.js";

/** Takes what is written to Parca. */
export const parca: ReceiverFactory<ParcaReceiverConfig> = {
  kind: "receiver",
  type: "parca",
  stability: "beta",
  summary: "Parca's ProfileStoreService over gRPC: WriteRaw (pprof)",
  signals: ["profiles"],
  schema: parcaReceiverSchema,
  create: createParcaReceiver,
};
