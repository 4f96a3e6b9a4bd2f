import { setTimeout as sleep } from "node:timers/promises";
import { type PprofReceiverConfig, pprofReceiverSchema } from "../../../receivers/pprof/config.js";
import { createPprofReceiver } from "../../../receivers/pprof/pprof-receiver.js";
import type { Consumer } from "../../../src/component/consumer.js";
import type { Receiver } from "../../../src/component/factory.js";
import type { Host } from "../../../src/component/host.js";
import { parseYamlValue } from "../../../src/config/yaml-value.js";
import type { Logger } from "../../../src/telemetry/log.js";
import { createMetrics, type Metrics } from "../../../src/telemetry/metrics.js";
import { createFakeClock, type FakeClock } from "../../support/fake-clock.js";
import { until } from "../../support/until.js";

export interface LogLine {
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export interface Rig {
  readonly receiver: Receiver;
  readonly clock: FakeClock;
  readonly metrics: Metrics;
  readonly lines: readonly LogLine[];
  /** Lets time pass, and waits until `done` holds. */
  pass(ms: number, done?: () => boolean): Promise<void>;
}

export const host: Host = { extension: () => undefined, report() {}, parseYaml: parseYamlValue };

function recordingLog(lines: LogLine[], own: Record<string, unknown> = {}): Logger {
  const write = (message: string, fields = {}) => void lines.push({ message, fields: { ...own, ...fields } });
  return {
    debug() {},
    info: write,
    warn: write,
    error: write,
    with: (more) => recordingLog(lines, { ...own, ...more }),
  };
}

export function createRig(input: unknown, next: Consumer): Rig {
  const config: PprofReceiverConfig = pprofReceiverSchema.parse(input);
  const clock = createFakeClock();
  const metrics = createMetrics();
  const lines: LogLine[] = [];
  const settings = {
    id: "pprof",
    kind: "receiver",
    log: recordingLog(lines),
    metrics,
    build: { name: "flamepipe", version: "0.0.0" },
  } as const;
  return {
    receiver: createPprofReceiver(settings, config, next, clock),
    clock,
    metrics,
    lines,
    async pass(ms, done = () => true) {
      await clock.advanceAsync(ms);
      await sleep(2);
      await until(done);
    },
  };
}
