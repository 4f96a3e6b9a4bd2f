import type { Metrics } from "./metrics.js";

export type MetricsLevel = "none" | "basic" | "normal" | "detailed";

/** Counts nothing: for `validate` and tests. */
export const nopMetrics: Metrics = {
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  observedGauge: () => () => {},
  observedCounter: () => () => {},
  histogram: () => ({ observe() {} }),
  total: async () => 0,
  text: async () => "",
  contentType: () => "text/plain; version=0.0.4; charset=utf-8",
};

/** For metrics level none: shows nothing, but answers `total` of observed gauges, which a shutdown that loses data asks for. */
export function createHiddenMetrics(): Metrics {
  const readers = new Map<string, Set<() => number>>();
  return {
    ...nopMetrics,
    observedGauge(name, _help, _labels, read) {
      const ofName = readers.get(name) ?? new Set();
      readers.set(name, ofName.add(read));
      return () => ofName.delete(read);
    },
    async total(name) {
      let sum = 0;
      for (const read of readers.get(name) ?? []) sum += read();
      return sum;
    },
  };
}

/** Families that otelcol shows from level normal on; the rest of the table only at detailed. */
const fromNormal = [/^otelcol_processor_batch_/];
const onlyDetailed = [
  /^otelcol_processor_internal_duration$/,
  /^otelcol_processor_batch_batch_send_size_bytes$/,
  /^otelcol_exporter_queue_batch_send_size(_bytes)?$/,
  /^otelcol_exporter_enqueue_size(_bytes)?$/,
  /^(http|rpc)_(server|client)_/,
];

function isShown(name: string, level: MetricsLevel): boolean {
  if (level === "none") return false;
  if (level === "detailed") return true;
  if (onlyDetailed.some((pattern) => pattern.test(name))) return false;
  return level === "normal" || !fromNormal.some((pattern) => pattern.test(name));
}

/** `metrics` without the families that `level` leaves out; those are not even counted. */
export function limitMetrics(metrics: Metrics, level: MetricsLevel): Metrics {
  const pick = (name: string): Metrics => (isShown(name, level) ? metrics : nopMetrics);
  return {
    counter: (name, help, labels) => pick(name).counter(name, help, labels),
    gauge: (name, help, labels) => pick(name).gauge(name, help, labels),
    observedGauge: (name, help, labels, read) => pick(name).observedGauge(name, help, labels, read),
    observedCounter: (name, help, labels, read) => pick(name).observedCounter(name, help, labels, read),
    histogram: (name, help, labels, buckets) => pick(name).histogram(name, help, labels, buckets),
    total: (name) => metrics.total(name),
    text: () => metrics.text(),
    contentType: () => metrics.contentType(),
  };
}
