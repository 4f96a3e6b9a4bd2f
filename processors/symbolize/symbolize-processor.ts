import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import type { Processor, Settings } from "../../src/component/factory.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import type { DictLine, Dictionary } from "../../src/pdata/dictionary.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import type { Frame } from "../../src/symbols/frame.js";
import { virtualAddress } from "../../src/symbols/segments.js";
import type { SymbolizeConfig } from "./config.js";
import type { KnownBinary } from "./name-cache.js";
import { Names } from "./names.js";
import type { Target, WorkerOptions } from "./protocol.js";
import { createServiceRatios } from "./service-ratios.js";
import type { SymbolSource } from "./symbol-source.js";
import { createSymbolizeMetrics } from "./symbolize-metrics.js";
import { type MappingGroup, targetsOf, unnamedByMapping } from "./unnamed.js";
import { createWorkerProcess } from "./worker-process.js";

const mib = 1024 * 1024;
/** Part of a caller's remaining time that names may take. */
const deadlineShare = 0.25;

export interface SymbolizeParts {
  readonly clock?: Clock;
  readonly source?: SymbolSource;
}

/** Names native frames that came as addresses, as far as that is possible in `timeout`. */
export function createSymbolizeProcessor(
  settings: Settings,
  config: SymbolizeConfig,
  next: Consumer,
  parts: SymbolizeParts = {},
): Processor {
  const clock = parts.clock ?? systemClock;
  const metrics = createSymbolizeMetrics(settings);
  const ratios = createServiceRatios(settings.metrics, settings.id, clock);
  const source =
    parts.source ??
    createWorkerProcess({
      options: workerOptions(config),
      memoryLimitBytes: config.worker.memory_limit_mib * mib,
      requestTimeoutMs: config.worker.parse_timeout,
      log: settings.log,
      ended: metrics.workerEnded,
    });
  const names = new Names({
    source,
    clock,
    cacheBytes: config.cache_mib * mib,
    negativeTtlMs: config.negative_ttl,
    asked(outcome, target, reason) {
      metrics.binary(outcome);
      if (outcome === "found") return;
      settings.log.debug("A binary has no names.", { outcome, reason, binary: target.file, key: target.key });
    },
  });
  metrics.observeCache(() => names.cache.bytes);

  /** undefined if nothing has to be waited for. */
  function lookUpAll(wanted: readonly Wanted[]): Promise<unknown> | undefined {
    const pending = new Set<Promise<void>>();
    for (const { targets, addresses, range } of wanted) {
      for (const target of targets) {
        const { pending: later } = names.lookUp(target, addresses, range);
        if (later) pending.add(later);
      }
    }
    return pending.size > 0 ? Promise.all(pending) : undefined;
  }

  async function symbolize(profiles: Profiles, ctx: Context): Promise<void> {
    const groups = unnamedByMapping(profiles);
    if (groups.size === 0) return;
    const wanted = [...groups.values()].map((group) => wantedOf(profiles.dictionary, group, config.without_build_id));
    const pending = lookUpAll(wanted);
    if (pending) await atMost(pending, waitMs(ctx), clock);
    profiles.setLocationLines(linesOf(profiles.dictionary, wanted));
  }

  /** Locations of a group that have a name now. */
  function linesOf(dictionary: Dictionary, wanted: readonly Wanted[]): Map<number, DictLine[]> {
    const lines = new Map<number, DictLine[]>();
    const append = lineAppender(dictionary);
    for (const { group, targets, range } of wanted) {
      const binary = theOne(targets.map((target) => names.known(target)));
      let named = 0;
      let nameless = 0;
      for (const { index, address } of group.locations) {
        const frames = binary?.frames.get(virtualAddress(binary.segments, address, range));
        if (frames) {
          lines.set(index, frames.map(append));
          named++;
        } else if (frames === null) nameless++;
      }
      metrics.frames(named, nameless, group.locations.length - named - nameless);
    }
    return lines;
  }

  function waitMs(ctx: Context): number {
    if (ctx.deadlineMs === undefined) return config.timeout;
    return Math.max(0, Math.min(config.timeout, (ctx.deadlineMs - performance.now()) * deadlineShare));
  }

  return {
    mutates: true,
    async start() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      await symbolize(profiles, ctx);
      ratios.observe(profiles);
      return next.consume(profiles, ctx);
    },
    async shutdown() {
      await source.close();
      ratios.close();
      metrics.close();
      names.cache.clear();
    },
  };
}

interface Wanted {
  readonly group: MappingGroup;
  readonly targets: readonly Target[];
  readonly addresses: readonly bigint[];
  readonly range: { readonly start: bigint; readonly limit: bigint; readonly fileOffset: bigint };
}

function wantedOf(dictionary: Dictionary, group: MappingGroup, withoutBuildId: boolean): Wanted {
  const { memoryStart, memoryLimit, fileOffset } = dictionary.mapping(group.mappingIndex);
  return {
    group,
    targets: targetsOf(dictionary, group, withoutBuildId),
    addresses: group.locations.map(({ address }) => address),
    range: { start: memoryStart, limit: memoryLimit, fileOffset },
  };
}

/** The binary, if all processes have the same: a location that they share can have but one name. */
function theOne(binaries: readonly (KnownBinary | undefined)[]): KnownBinary | undefined {
  const [first] = binaries;
  return binaries.every((each) => each === first) ? first : undefined;
}

/** Makes lines of frames; each function is appended to the dictionary once. */
function lineAppender(dictionary: Dictionary): (frame: Frame) => DictLine {
  const functions = new Map<Frame, number>();
  return (frame) => {
    let functionIndex = functions.get(frame);
    if (functionIndex === undefined) {
      functionIndex = dictionary.appendFunction({
        nameIndex: dictionary.appendString(frame.name),
        systemNameIndex: dictionary.appendString(frame.systemName),
        filenameIndex: dictionary.appendString(frame.file),
        startLine: BigInt(Math.max(frame.startLine, 0)),
      });
      functions.set(frame, functionIndex);
    }
    return { functionIndex, line: BigInt(frame.line), column: 0n };
  };
}

/** Waits for `work`, but no longer than `limitMs`. */
function atMost(work: Promise<unknown>, limitMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(resolve, limitMs);
    work.then(
      () => {
        clock.clearTimer(timer);
        resolve();
      },
      (caught) => {
        clock.clearTimer(timer);
        reject(caught);
      },
    );
  });
}

function workerOptions({ sources, demangle, worker }: SymbolizeConfig): WorkerOptions {
  const limit = worker.memory_limit_mib * mib;
  return {
    proc: sources.proc,
    debugDirs: sources.debug_dirs,
    systemDirs: sources.system_dirs,
    uploadDir: sources.upload_dir,
    demangle,
    maxTableBytes: Math.floor(limit / 3),
    maxKeptBytes: Math.floor(limit / 4),
  };
}
