import type { Consumer } from "../../src/component/consumer.js";
import type { Context } from "../../src/component/context.js";
import type { Processor, Settings } from "../../src/component/factory.js";
import { type Clock, systemClock } from "../../src/delivery/clock.js";
import type { Dictionary, DictLine } from "../../src/pdata/dictionary.js";
import type { Profiles } from "../../src/pdata/profiles.js";
import { functionNumbers } from "../../src/symbols/function-rows.js";
import { virtualAddress } from "../../src/symbols/segments.js";
import type { SymbolizeConfig } from "./config.js";
import type { KnownBinary } from "./known-binary.js";
import { countFrames, type LocationScan, scanLocations } from "./location-scan.js";
import { groupByMapping, type MappingGroup, type ProcessOfMapping, processesByMapping } from "./mapping-groups.js";
import { Names } from "./names.js";
import type { Target, WorkerOptions } from "./protocol.js";
import { createServiceRatios } from "./service-ratios.js";
import { createStartTimes } from "./start-times.js";
import type { SymbolSource } from "./symbol-source.js";
import { createSymbolizeMetrics } from "./symbolize-metrics.js";
import { type BinaryOfMapping, binaryOf, targetOfBuild, targetsOfProcesses } from "./targets.js";
import { createWorkerProcess } from "./worker-process.js";

const mib = 1024 * 1024;
/** Part of a caller's remaining time that names may take. */
const deadlineShare = 0.25;
/** How often a batch asks again for what an answer left open, such as the addresses past one request's most. */
const maxRounds = 8;

export interface SymbolizeParts {
  readonly clock?: Clock;
  readonly source?: SymbolSource;
}

/** A mapping with frames to name, and the binaries that it may stand for. */
interface Wanted {
  readonly group: MappingGroup;
  readonly binary: BinaryOfMapping;
  readonly targets: readonly Target[];
  /** True if nothing has to be looked up. */
  readonly isKnown: boolean;
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
  const startTimes = createStartTimes(config.sources.proc);
  const source =
    parts.source ??
    createWorkerProcess({
      options: workerOptions(config),
      memoryLimitBytes: config.worker.memory_limit_mib * mib,
      requestTimeoutMs: config.worker.parse_timeout,
      log: settings.log,
      clock,
      ended: metrics.workerEnded,
    });
  const names = new Names({
    source,
    clock,
    cacheBytes: config.cache_mib * mib,
    negativeTtlMs: config.negative_ttl,
    asked(outcome, target, reason, isNew) {
      metrics.binary(outcome);
      if (!isNew) return;
      const fields = { outcome, reason, binary: target.file, key: target.key };
      if (outcome === "invalid") settings.log.warn("A binary can't be read: its frames stay addresses.", fields);
      else settings.log.debug("A binary was looked for.", fields);
    },
  });
  metrics.observeCache(() => names.cache.bytes);

  /** The targets of each mapping. Processes are looked for in the samples only where they are needed. */
  function findTargets(profiles: Profiles, groups: readonly MappingGroup[]): Wanted[] {
    const newestMs = Number(profiles.newestTimeUnixNano) / 1e6 || clock.wallMs();
    let processes: Map<number, Map<number, ProcessOfMapping>> | undefined;
    const processesOf = (mapping: number): Map<number, ProcessOfMapping> => {
      processes ??= processesByMapping(profiles, groups);
      return processes.get(mapping) ?? new Map();
    };
    return groups.map((group) => {
      const binary = binaryOf(profiles.dictionary, group.mappingIndex);
      if (binary.buildKey !== "") {
        const isKnown = isComplete(names.known(binary.buildKey), binary, group);
        const targets = [targetOfBuild(binary, isKnown ? [] : processesOf(group.mappingIndex).values())];
        return { group, binary, targets, isKnown };
      }
      if (!config.without_build_id || config.sources.proc === "") {
        return { group, binary, targets: [], isKnown: false };
      }
      const startOf = (pid: number): string | undefined => startTimes.of(pid, newestMs);
      const targets = targetsOfProcesses(binary, processesOf(group.mappingIndex), startOf);
      return { group, binary, targets, isKnown: false };
    });
  }

  /** undefined if nothing has to be waited for. */
  function lookUpAll(wanted: readonly Wanted[]): Promise<unknown> | undefined {
    const pending = new Set<Promise<void>>();
    for (const { targets, group, binary, isKnown } of wanted) {
      if (isKnown) continue;
      for (const target of targets) {
        const { pending: later } = names.lookUp(target, group.addresses, binary.range);
        if (later) pending.add(later);
      }
    }
    return pending.size > 0 ? Promise.all(pending) : undefined;
  }

  async function symbolize(profiles: Profiles, ctx: Context, scan: LocationScan): Promise<void> {
    const groups = groupByMapping(profiles.dictionary, scan);
    if (groups.length === 0) return;
    const wanted = findTargets(profiles, groups);
    const endMs = clock.now() + waitMs(ctx);
    for (let round = 0; round < maxRounds; round++) {
      const pending = lookUpAll(wanted);
      const leftMs = endMs - clock.now();
      if (!pending || leftMs <= 0) break;
      await atMost(pending, leftMs, clock);
    }
    profiles.setLocationLines(linesOf(profiles.dictionary, wanted, scan));
  }

  /** Lines of the locations that have a name now; they are taken off the unnamed ones. */
  function linesOf(dictionary: Dictionary, wanted: readonly Wanted[], scan: LocationScan): Map<number, DictLine[]> {
    const lines = new Map<number, DictLine[]>();
    const append = functionAppender(dictionary);
    for (const { group, targets, binary } of wanted) {
      const known = theOne(targets.map(({ key }) => names.known(key)));
      let named = 0;
      let nameless = 0;
      const { addresses, locations } = group;
      for (let i = 0; known && i < addresses.length; i++) {
        const place = known.placeOf(virtualAddress(known.segments, addresses[i], binary.range));
        if (place === 0) nameless++;
        if (place === undefined || place === 0) continue;
        const found: DictLine[] = [];
        for (let frame = 0; frame < known.frameCount(place); frame++) {
          const functionIndex = append(known, known.functionOf(place, frame));
          found.push({ functionIndex, line: BigInt(known.lineOf(place, frame)), column: 0n });
        }
        lines.set(locations[i], found);
        scan.isUnnamed[locations[i]] = 0;
        named++;
      }
      scan.unnamedCount -= named;
      metrics.frames(named, nameless, addresses.length - named - nameless);
    }
    return lines;
  }

  function waitMs(ctx: Context): number {
    if (ctx.deadlineMs === undefined) return config.timeout;
    return Math.max(0, Math.min(config.timeout, (ctx.deadlineMs - clock.now()) * deadlineShare));
  }

  return {
    mutates: true,
    async start() {},
    reserve: (profiles) => next.reserve(profiles),
    async consume(profiles, ctx) {
      const scan = scanLocations(profiles.dictionary);
      if (scan.unnamedCount > 0) await symbolize(profiles, ctx, scan);
      ratios.observe(profiles, countFrames(profiles.dictionary, scan));
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

function isComplete(known: KnownBinary | undefined, { range }: BinaryOfMapping, { addresses }: MappingGroup): boolean {
  return known !== undefined && addresses.every((each) => known.has(virtualAddress(known.segments, each, range)));
}

/** The binary, if all processes have the same: a location that they share can have but one name. */
function theOne(binaries: readonly (KnownBinary | undefined)[]): KnownBinary | undefined {
  const [first] = binaries;
  return binaries.every((each) => each === first) ? first : undefined;
}

/** Appends functions of binaries to the dictionary, each of them once. */
function functionAppender(dictionary: Dictionary): (binary: KnownBinary, place: number) => number {
  const appended = new Map<KnownBinary, Map<number, number>>();
  return (binary, place) => {
    let ofBinary = appended.get(binary);
    if (!ofBinary) {
      ofBinary = new Map();
      appended.set(binary, ofBinary);
    }
    let index = ofBinary.get(place);
    if (index === undefined) {
      const { texts } = binary;
      const { numbers } = binary.functions;
      const at = functionNumbers * place;
      index = dictionary.appendFunction({
        nameIndex: dictionary.appendString(texts[numbers[at]]),
        systemNameIndex: dictionary.appendString(texts[numbers[at + 1]]),
        filenameIndex: dictionary.appendString(texts[numbers[at + 2]]),
        startLine: BigInt(numbers[at + 3]),
      });
      ofBinary.set(place, index);
    }
    return index;
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

function workerOptions({ sources, demangle, worker, negative_ttl }: SymbolizeConfig): WorkerOptions {
  const limit = worker.memory_limit_mib * mib;
  return {
    proc: sources.proc,
    debugDirs: sources.debug_dirs,
    systemDirs: sources.system_dirs,
    uploadDir: sources.upload_dir,
    demangle,
    maxTableBytes: Math.floor(limit / 3),
    maxKeptBytes: Math.floor(limit / 4),
    strippedTtlMs: negative_ttl,
  };
}
