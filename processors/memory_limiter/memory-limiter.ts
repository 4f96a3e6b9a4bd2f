import type { Consumer } from "../../src/component/consumer.js";
import { type PipelineError, retryable } from "../../src/component/errors.js";
import type { Processor, Settings } from "../../src/component/factory.js";
import type { Host } from "../../src/component/host.js";
import { type Clock, systemClock, type Timer } from "../../src/delivery/clock.js";
import { createCollectionPace } from "./collection-pace.js";
import type { MemoryLimiterConfig } from "./config.js";
import { type Memory, processMemory } from "./memory.js";

const mib = 1024 * 1024;

export interface LimiterParts {
  readonly clock?: Clock;
  readonly memory?: Memory;
}

export interface Limits {
  readonly hardBytes: number;
  readonly softBytes: number;
}

/** Hard and soft limit in bytes. */
export function limitsOf(config: MemoryLimiterConfig, availableBytes: number): Limits {
  const inMib = config.limit_mib > 0;
  const unit = inMib ? mib : availableBytes / 100;
  const hard = (inMib ? config.limit_mib : config.limit_percentage) * unit;
  const spike = (inMib ? config.spike_limit_mib : config.spike_limit_percentage) * unit || hard / 5;
  return { hardBytes: Math.floor(hard), softBytes: Math.floor(hard - spike) };
}

/**
 * Measures memory every `check_interval`. Above the soft limit (or with V8's heap nearly full), and after a collection
 * that did not help, data is refused with 503 / UNAVAILABLE until there is enough again.
 */
export function createMemoryLimiter(
  settings: Settings,
  config: MemoryLimiterConfig,
  next: Consumer,
  { clock = systemClock, memory = processMemory }: LimiterParts = {},
): Processor {
  const { log, metrics, id } = settings;
  const labels = { processor: id };
  const accepted = metrics.counter(
    "otelcol_processor_memory_limiter_accepted_profile_samples",
    "Samples that were let through.",
    labels,
  );
  const refused = metrics.counter(
    "otelcol_processor_memory_limiter_refused_profile_samples",
    "Samples refused for want of memory.",
    labels,
  );
  const softPace = createCollectionPace(
    config.min_gc_interval_when_soft_limited,
    config.max_gc_interval_when_soft_limited,
  );
  const hardPace = createCollectionPace(
    config.min_gc_interval_when_hard_limited,
    config.max_gc_interval_when_hard_limited,
  );
  let limits: Limits = { hardBytes: 0, softBytes: 0 };
  let host: Host | undefined;
  let timer: Timer | undefined;
  let refusing = false;

  function check(): void {
    let usedBytes = memory.usedBytes();
    if (isShort(usedBytes)) usedBytes = collectIfDue(usedBytes);
    const short = isShort(usedBytes);
    if (short !== refusing) change(short, usedBytes);
  }

  function isShort(usedBytes: number): boolean {
    return usedBytes >= limits.softBytes || memory.heapIsNearlyFull();
  }

  function collectIfDue(usedBefore: number): number {
    const pace = usedBefore >= limits.hardBytes || memory.heapIsNearlyFull() ? hardPace : softPace;
    if (!pace.isDue(clock.now())) return usedBefore;
    memory.collect();
    const usedAfter = memory.usedBytes();
    pace.collected(clock.now(), usedBefore, usedAfter);
    return usedAfter;
  }

  function change(short: boolean, usedBytes: number): void {
    refusing = short;
    const fields = { cur_mem_mib: Math.round(usedBytes / mib), soft_limit_mib: Math.round(limits.softBytes / mib) };
    if (short) {
      log.warn("Memory usage is above soft limit. Refusing data.", fields);
      host?.report(id, "recoverable_error", tooMuch());
    } else {
      log.info("Memory usage back within limits. Resuming normal operation.", fields);
      host?.report(id, "ok");
    }
  }

  function schedule(): void {
    timer = clock.setTimer(() => {
      check();
      schedule();
    }, config.check_interval);
  }

  return {
    mutates: false,
    consume(profiles, ctx) {
      const samples = profiles.sampleCount;
      if (!refusing) {
        accepted.add(samples);
        return next.consume(profiles, ctx);
      }
      refused.add(samples);
      ctx.reservation?.release();
      return Promise.reject(tooMuch());
    },
    reserve: (profiles) => (refusing ? "full" : next.reserve(profiles)),
    async start(startedBy) {
      host = startedBy;
      limits = limitsOf(config, memory.availableBytes());
      check();
      schedule();
    },
    async shutdown() {
      if (timer !== undefined) clock.clearTimer(timer);
      timer = undefined;
    },
  };
}

function tooMuch(): PipelineError {
  return retryable("data refused due to high memory usage", { reason: "memory_limited" });
}
