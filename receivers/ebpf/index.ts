import type { ReceiverFactory } from "../../src/component/factory.js";
import { type EbpfReceiverConfig, ebpfReceiverSchema } from "./config.js";
import { createEbpfReceiver } from "./ebpf-receiver.js";

/** Profiles of the whole host, by agents that stand on eBPF or perf. */
export const ebpf: ReceiverFactory<EbpfReceiverConfig> = {
  kind: "receiver",
  type: "ebpf",
  stability: "beta",
  summary: "The whole host's CPU profile, by eBPF: runs an agent, or takes the streams of your own",
  signals: ["profiles"],
  schema: ebpfReceiverSchema,
  create: (settings, config, next) => createEbpfReceiver(settings, config, next),
};
