import { queueField, retryField } from "../../src/delivery/config.js";
import { createExporter, type ExporterOptions, type Send } from "../../src/delivery/exporter.js";
import { FakeClock, fakeJoin, testSettings } from "./support.js";

export interface Rig {
  retry?: object;
  queue?: object;
  timeoutMs?: number;
  options?: Partial<ExporterOptions>;
}

/** An exporter over fake batches, with its counts. */
export function rig(send: Send, { retry = {}, queue = {}, timeoutMs = 0, options = {} }: Rig = {}) {
  const clock = new FakeClock();
  const settings = testSettings("otlp_grpc");
  const exporter = createExporter({
    settings,
    timeoutMs,
    retry: retryField().parse(retry),
    queue: queueField({ enabledByDefault: true }).parse(queue),
    send,
    clock,
    random: () => 0.5,
    join: fakeJoin,
    ...options,
  });
  const label = '{exporter="otlp_grpc"}';
  const counts = async () => ({
    sent: await settings.total("otelcol_exporter_sent_profile_samples"),
    failed: await settings.total("otelcol_exporter_send_failed_profile_samples"),
    refused: await settings.total("otelcol_exporter_enqueue_failed_profile_samples"),
    queued: await settings.total("flamepipe_queued_samples"),
    dropped: await settings.total("flamepipe_dropped_samples_total"),
  });
  return { clock, settings, exporter, counts, label };
}
