import type { Settings } from "../../src/component/factory.js";
import type { Counter } from "../../src/telemetry/metrics.js";
import type { BinaryOutcome } from "./names.js";
import type { SourceFault } from "./symbol-source.js";

export interface SymbolizeMetrics {
  /** Locations of a batch: named, without a name in their binary, and of a binary that is not known (yet). */
  frames(named: number, nameless: number, unknown: number): void;
  binary(outcome: BinaryOutcome): void;
  workerEnded(fault: SourceFault): void;
  observeCache(read: () => number): void;
  close(): void;
}

const outcomes = ["found", "not_found", "invalid", "timeout", "memory", "crashed"] as const;

export function createSymbolizeMetrics({ metrics, id: component }: Settings): SymbolizeMetrics {
  const locations = (outcome: string): Counter =>
    metrics.counter(
      "flamepipe_symbolize_locations_total",
      "Addresses that came without a function, by what became of them.",
      {
        component,
        outcome,
      },
    );
  const named = locations("named");
  const nameless = locations("no_symbol");
  const unknown = locations("no_binary");
  const binaries = new Map(
    outcomes.map((outcome) => [
      outcome,
      metrics.counter("flamepipe_symbolize_requests_total", "Binaries that were asked for, by what became of it.", {
        component,
        outcome,
      }),
    ]),
  );
  const restarts = metrics.counter(
    "flamepipe_symbolize_worker_ends_total",
    "How often the process that reads binaries ended and was replaced.",
    { component },
  );
  let stopObserving = () => {};
  return {
    frames(namedCount, namelessCount, unknownCount) {
      named.add(namedCount);
      nameless.add(namelessCount);
      unknown.add(unknownCount);
    },
    binary: (outcome) => binaries.get(outcome)?.add(1),
    workerEnded: () => restarts.add(1),
    observeCache(read) {
      stopObserving = metrics.observedGauge(
        "flamepipe_symbolize_cache_bytes",
        "Memory of the names that are remembered.",
        { component },
        read,
      );
    },
    close: () => stopObserving(),
  };
}
