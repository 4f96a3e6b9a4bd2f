import { basename, join } from "node:path";
import { mountNamespaceOf, readProcFile } from "../../src/proc/proc-files.js";
import { type CodeRegion, readCodeRegions, regionAt, remoteDevices } from "../../src/proc/process-maps.js";
import type { BuildIds } from "../../src/symbols/build-id.js";
import type { Segment } from "../../src/symbols/segments.js";
import type { BinaryIdentities } from "./binary-identities.js";
import type { HostProcess } from "./processes.js";
import { readVdsoNames, type VdsoNames } from "./vdso.js";

/** Where an address belongs: in terms of its file where that is known, else of the process' memory. */
export interface CodePlace {
  readonly address: bigint;
  /** The same object for all addresses of one mapping. */
  readonly mapping: CodeMapping;
  /** Its function, where that is known here. */
  readonly name?: string;
}

export interface CodeMapping {
  readonly start: bigint;
  readonly limit: bigint;
  readonly fileOffset: bigint;
  readonly file: string;
  readonly ids: BuildIds | undefined;
}

interface Regions {
  readonly list: readonly CodeRegion[];
  readonly remote: ReadonlySet<string>;
  /** Intervals to wait after the next reading in which nothing new is found. */
  readonly patience: number;
  /** The interval from which on they may be read again. */
  readonly againAt: number;
}

/** Code that was generated at run time is never found: maps are not read for it in each interval. */
const longestPatience = 8;

/** Mounts are read again after so many intervals. */
const mountIntervals = 12;
const maxMountBytes = 1024 * 1024;
const maxRegionsOfOne = 16_384;
const executable = 1;
const pageMask = ~0xfffn;

/** Finds the files behind the addresses of processes. */
export class CodePlaces {
  private readonly proc: string;
  private readonly identities: BinaryIdentities;
  private readonly maxRegions: number;
  private readonly regions = new Map<HostProcess, Regions>();
  /** What was found out in this interval of regions of files. */
  private readonly placements = new Map<CodeRegion, Placement>();
  /** They go with the regions and binaries that they are of. */
  private readonly mappings = new WeakMap<CodeRegion | Segment, CodeMapping>();
  private readonly readVdso: () => VdsoNames;
  private vdsoNames: VdsoNames | undefined;
  /** By mount namespace. */
  private readonly remote = new Map<string, ReadonlySet<string>>();
  private regionCount = 0;
  private interval = 0;

  /** `maxRegions`: regions that are remembered, of all processes together. */
  constructor(proc: string, identities: BinaryIdentities, maxRegions: number, readVdso = () => readVdsoNames()) {
    this.readVdso = readVdso;
    this.proc = proc;
    this.identities = identities;
    this.maxRegions = maxRegions;
  }

  /** Regions that are remembered. */
  get size(): number {
    return this.regionCount;
  }

  beginInterval(): void {
    this.interval++;
    // What is mounted meanwhile has to be seen; it bounds the number of namespaces, too.
    if (this.interval % mountIntervals === 0) this.remote.clear();
    this.identities.beginInterval();
    this.placements.clear();
  }

  /** The place of an address at run time; undefined where the process has no code of a file. */
  at(process: HostProcess, address: bigint): CodePlace | undefined {
    const known = this.regions.get(process);
    const region = known && regionAt(known.list, address);
    if (region) return this.placeIn(process, region, known.remote, address);
    const found = this.search(process, (list) => regionAt(list, address));
    return found && this.placeIn(process, found.region, found.remote, address);
  }

  /**
   * The place of an address that a profiler says is in this file. perf gives offsets in the file, older ones addresses at
   * run time; in a program at fixed addresses one number may be either, and then it is an offset.
   */
  inFile(process: HostProcess, path: string, address: bigint): CodePlace | undefined {
    const found = this.search(process, (list) => {
      const own = list.filter((region) => region.path === path);
      return own.find((region) => holdsOffset(region, address)) ?? own.find((region) => holds(region, address));
    });
    if (!found) return undefined;
    const { start, fileOffset } = found.region;
    const isOffset = holdsOffset(found.region, address);
    return this.placeIn(process, found.region, found.remote, isOffset ? address - fileOffset + start : address);
  }

  private placeIn(
    process: HostProcess,
    region: CodeRegion,
    remote: ReadonlySet<string>,
    address: bigint,
  ): CodePlace | undefined {
    if (region.path === "") return undefined;
    if (region.path === "[vdso]") return this.inVdso(region, address);
    const { parts, whole } = this.placements.get(region) ?? this.place(process, region, remote);
    for (const { from, to, moved, mapping } of parts) {
      if (address >= from && address < to) return { address: address + moved, mapping };
    }
    return { address, mapping: whole };
  }

  private place(process: HostProcess, region: CodeRegion, remote: ReadonlySet<string>): Placement {
    const identity = remote.has(region.device) ? undefined : this.identities.of(process.pid, region);
    const code = identity?.segments.filter(({ flags }) => (flags & executable) !== 0) ?? [];
    // Where the file would begin in memory.
    const base = region.start - region.fileOffset;
    const parts = code.map((segment) => {
      const from = BigInt(segment.offset);
      const mapping = this.mappingOf(segment, () => inFile(identity?.ids, segment, region.path));
      // Segments are mapped in whole pages.
      return {
        from: base + (from & pageMask),
        to: base + from + BigInt(segment.fileSize),
        moved: BigInt(segment.address) - from - base,
        mapping,
      };
    });
    const placement = { parts, whole: this.mappingOf(region, () => atRunTime(region)) };
    this.placements.set(region, placement);
    return placement;
  }

  /** The kernel's code lies anywhere in a process; its offsets are the same in all. */
  private inVdso(region: CodeRegion, address: bigint): CodePlace {
    this.vdsoNames ??= this.readVdso();
    const limit = region.end - region.start;
    const mapping = this.mappingOf(region, () => atRunTime({ ...region, start: 0n, end: limit }));
    return { address: address - region.start, mapping, name: this.vdsoNames(Number(address - region.start)) };
  }

  private mappingOf(part: CodeRegion | Segment, make: () => CodeMapping): CodeMapping {
    let mapping = this.mappings.get(part);
    if (!mapping) {
      mapping = make();
      this.mappings.set(part, mapping);
    }
    return mapping;
  }

  /** What is not found may be new: the maps are read again, once an interval, and less and less often where that was in vain. */
  private search(
    process: HostProcess,
    find: (list: readonly CodeRegion[]) => CodeRegion | undefined,
  ): Found | undefined {
    let known = this.regions.get(process);
    let region = known && find(known.list);
    if (!region && (!known || this.interval >= known.againAt)) {
      const patience = known?.patience ?? 1;
      known = { ...this.read(process, known), patience, againAt: this.interval + patience };
      region = find(known.list);
      if (!region) known = { ...known, patience: Math.min(2 * patience, longestPatience) };
      this.keep(process, known);
    }
    return known && region && { region, remote: known.remote };
  }

  private read(process: HostProcess, before: Regions | undefined): Pick<Regions, "list" | "remote"> {
    const own = join(this.proc, String(process.pid));
    const list = readCodeRegions(own, Math.min(maxRegionsOfOne, this.maxRegions));
    // Gone, perhaps: what was read before is still true of it.
    if (!list) return { list: before?.list ?? [], remote: before?.remote ?? none };
    return { list, remote: this.remoteOf(process.pid) };
  }

  /** Devices that are not to be read; processes that see the same mounts share them. */
  private remoteOf(pid: number): ReadonlySet<string> {
    const namespace = mountNamespaceOf(this.proc, pid);
    let devices = this.remote.get(namespace);
    if (!devices) {
      devices = remoteDevices(readProcFile(join(this.proc, String(pid), "mountinfo"), maxMountBytes) ?? "");
      if (namespace !== "") this.remote.set(namespace, devices);
    }
    return devices;
  }

  private keep(process: HostProcess, regions: Regions): void {
    this.forget(process);
    this.regions.set(process, regions);
    this.regionCount += cost(regions);
    for (const oldest of this.regions.keys()) {
      if (this.regionCount <= this.maxRegions || oldest === process) break;
      this.forget(oldest);
    }
  }

  private forget(process: HostProcess): void {
    const known = this.regions.get(process);
    if (!known) return;
    this.regions.delete(process);
    this.regionCount -= cost(known);
  }
}

/** Where the bytes of a region's file are in the file's own terms. */
interface Placement {
  readonly parts: readonly Part[];
  /** Where none of the parts has them. */
  readonly whole: CodeMapping;
}

/** A part of a file, where it is in memory, and how far its own addresses are from that. */
interface Part {
  readonly from: bigint;
  readonly to: bigint;
  readonly moved: bigint;
  readonly mapping: CodeMapping;
}

interface Found {
  readonly region: CodeRegion;
  readonly remote: ReadonlySet<string>;
}

const none: ReadonlySet<string> = new Set();

/** A process without regions takes room, too. */
function cost({ list }: Regions): number {
  return list.length + 1;
}

function holds({ start, end }: CodeRegion, address: bigint): boolean {
  return address >= start && address < end;
}

function holdsOffset({ start, end, fileOffset }: CodeRegion, offset: bigint): boolean {
  return offset >= fileOffset && offset < fileOffset + end - start;
}

function atRunTime({ start, end: limit, fileOffset, path: file }: CodeRegion): CodeMapping {
  return { start, limit, fileOffset, file, ids: undefined };
}

/** As the eBPF profiler has it: ELF virtual addresses, and the file's base name. */
function inFile(ids: BuildIds | undefined, { address, offset, memorySize }: Segment, path: string): CodeMapping {
  const start = BigInt(address);
  return {
    start: start & pageMask,
    limit: start + BigInt(memorySize),
    fileOffset: BigInt(offset) & pageMask,
    file: basename(path),
    ids,
  };
}
