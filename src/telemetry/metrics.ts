import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from "prom-client";

export type Labels = Record<string, string>;

/** A bound counter, gauge or histogram: label values are fixed when it is made, so that the hot path only adds. */
export interface Counter {
  add(n: number): void;
}
export interface Gauge {
  set(n: number): void;
}
export interface Histogram {
  observe(n: number): void;
}

/** Our own metrics. Names are as exposed; asking twice for the same name returns the same metric. */
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter;
  gauge(name: string, help: string, labels?: Labels): Gauge;
  /** A gauge read at scrape time, the sum of those with equal labels; returns a function that takes it away. */
  observedGauge(name: string, help: string, labels: Labels, read: () => number): () => void;
  /** A counter whose total is read at scrape time (never falling); returns a function that takes it away. */
  observedCounter(name: string, help: string, labels: Labels, read: () => number): () => void;
  histogram(name: string, help: string, labels: Labels, buckets: readonly number[]): Histogram;
  /** The sum over all label sets of a counter or gauge; 0 if there is none of that name. */
  total(name: string): Promise<number>;
  /** The exposition text. */
  text(): Promise<string>;
  contentType(): string;
}

interface Observed {
  labels: Labels;
  read: () => number;
}

/** Adds up by itself, and is read when metrics are: the library's own counters look their labels up each time. */
class Count implements Counter, Observed {
  readonly labels: Labels;
  private total = 0;
  readonly read = () => this.total;

  constructor(labels: Labels) {
    this.labels = labels;
  }

  add(n: number): void {
    this.total += n;
  }
}

/** A registry of its own, so that tests don't share counters. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const gauges = new Map<string, PromGauge>();
  const observed = new Map<string, Set<Observed>>();
  const histograms = new Map<string, PromHistogram>();
  const totals = new Map<string, Map<string, Observed>>();

  function gaugeNamed(name: string, help: string, labels: Labels): PromGauge {
    let gauge = gauges.get(name);
    if (!gauge) {
      const readers = new Set<Observed>();
      observed.set(name, readers);
      gauge = new PromGauge({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [registry],
        collect() {
          for (const reader of readers) this.set(reader.labels, 0);
          for (const reader of readers) this.inc(reader.labels, reader.read());
        },
      });
      gauges.set(name, gauge);
    }
    return gauge;
  }

  function totalsNamed(name: string, help: string, labels: Labels): Map<string, Observed> {
    let readers = totals.get(name);
    if (!readers) {
      const created = new Map<string, Observed>();
      new PromCounter({
        name,
        help,
        labelNames: Object.keys(labels),
        registers: [registry],
        collect() {
          this.reset();
          for (const reader of created.values()) this.inc(reader.labels, reader.read());
        },
      });
      totals.set(name, created);
      readers = created;
    }
    return readers;
  }

  return {
    counter(name, help, labels = {}) {
      const readers = totalsNamed(name, help, labels);
      const key = JSON.stringify(labels);
      const known = readers.get(key);
      if (known instanceof Count) return known;
      const count = new Count(labels);
      readers.set(key, count);
      return count;
    },
    gauge(name, help, labels = {}) {
      const child = gaugeNamed(name, help, labels).labels(labels);
      return { set: (n) => child.set(n) };
    },
    observedGauge(name, help, labels, read) {
      const gauge = gaugeNamed(name, help, labels);
      const readers = observed.get(name);
      const reader = { labels, read };
      readers?.add(reader);
      return () => {
        readers?.delete(reader);
        gauge.remove(labels);
      };
    },
    observedCounter(name, help, labels, read) {
      const readers = totalsNamed(name, help, labels);
      const key = JSON.stringify(labels);
      readers.set(key, { labels, read });
      return () => readers.delete(key);
    },
    histogram(name, help, labels, buckets) {
      let histogram = histograms.get(name);
      if (!histogram) {
        histogram = new PromHistogram({
          name,
          help,
          labelNames: Object.keys(labels),
          buckets: [...buckets],
          registers: [registry],
        });
        histograms.set(name, histogram);
      }
      const child = histogram.labels(labels);
      return { observe: (n) => child.observe(n) };
    },
    async total(name) {
      const found = await registry.getSingleMetric(name)?.get();
      return found ? found.values.reduce((sum, sample) => sum + sample.value, 0) : 0;
    },
    text: () => registry.metrics(),
    contentType: () => registry.contentType,
  };
}
