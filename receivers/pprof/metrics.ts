import type { Settings } from "../../src/component/factory.js";
import type { Counter } from "../../src/telemetry/metrics.js";

export interface ScrapeMetrics {
  scraped(samples: number): void;
  /** `reason` is from a small set. */
  errored(reason: string): void;
}

/** otelcol's names for scrapers, and failures by reason. */
export function createScrapeMetrics({ id, metrics }: Settings, scraper: string): ScrapeMetrics {
  const labels = { receiver: id, scraper };
  const scraped = metrics.counter(
    "otelcol_scraper_scraped_profile_records",
    "Number of profile samples that were scraped.",
    labels,
  );
  const errored = metrics.counter(
    "otelcol_scraper_errored_profile_records",
    "Number of profiles that could not be scraped.",
    labels,
  );
  const byReason = new Map<string, Counter>();
  return {
    scraped: (samples) => scraped.add(samples),
    errored(reason) {
      errored.add(1);
      let counter = byReason.get(reason);
      if (!counter) {
        const help = "Scrapes that failed, by reason.";
        counter = metrics.counter("flamepipe_scrape_failures_total", help, { ...labels, reason });
        byReason.set(reason, counter);
      }
      counter.add(1);
    },
  };
}
