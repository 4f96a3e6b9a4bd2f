import { readFileSync } from "node:fs";
import { type OtlpReceiver, otlp } from "../../../receivers/otlp/index.js";
import type { Consumer } from "../../../src/component/consumer.js";
import type { Context } from "../../../src/component/context.js";
import type { Settings } from "../../../src/component/factory.js";
import type { Profiles } from "../../../src/pdata/profiles.js";
import { createMetrics } from "../../../src/telemetry/metrics.js";
import { host } from "../../contract/components.js";
import { recordingLogger } from "../../net/support.js";

export const recorded = (): Buffer => readFileSync("test/fixtures/otlp-ebpf/0001.pb");

export interface Rig {
  readonly grpcPort: number;
  readonly httpPort: number;
  /** What reached the next stage. */
  readonly taken: { profiles: Profiles; ctx: Context }[];
  readonly lines: string[];
  readonly settings: Settings;
  close(): Promise<void>;
}

/** A started receiver on both protocols; `consume` decides what the next stage answers. */
export async function startReceiver(
  consume: () => Promise<void> = async () => {},
  input: object = {},
  protocols: object = {},
): Promise<Rig> {
  const taken: Rig["taken"] = [];
  const { log, lines } = recordingLogger();
  const settings: Settings = {
    id: "otlp",
    kind: "receiver",
    log,
    metrics: createMetrics(),
    build: { name: "flamepipe", version: "1.2.3" },
  };
  const next: Consumer = {
    mutates: false,
    reserve: () => undefined,
    consume(profiles, ctx) {
      taken.push({ profiles, ctx });
      return consume();
    },
  };
  const local = { grpc: { endpoint: "127.0.0.1:0" }, http: { endpoint: "127.0.0.1:0" } };
  const config = otlp.schema.parse({ protocols: { ...local, ...protocols }, ...input });
  const receiver = otlp.create(settings, config, next) as OtlpReceiver;
  await receiver.start(host);
  return {
    grpcPort: receiver.ports.grpc,
    httpPort: receiver.ports.http,
    taken,
    lines,
    settings,
    close: () => receiver.shutdown(),
  };
}
