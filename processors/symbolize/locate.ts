import { readlinkSync } from "node:fs";
import { basename, isAbsolute, join, normalize } from "node:path";
import { type CodeRegion, mapFileName, readCodeRegions } from "../../src/proc/process-maps.js";
import type { MappedRange } from "../../src/symbols/segments.js";
import type { Target, WorkerOptions } from "./protocol.js";
import { startTicks } from "./start-times.js";

/** Most processes that are asked for one binary of a known build. */
const maxPids = 8;
/** Regions of a process that are looked at. */
const maxRegions = 16_384;

/** A place where a file may be. */
export interface Candidate {
  readonly path: string;
  /** The file has to be this one, where nothing else can tell. */
  readonly inode?: string;
}

/** True if the mapping names a build, so that whatever is found can be held against it. */
export function hasBuildId({ gnu, go, htlhash }: Target): boolean {
  return gnu !== "" || go !== "" || htlhash !== "";
}

/**
 * Where a binary may be, the likeliest first. What is found there has to have the build id that the mapping names; where
 * it names none, only the process itself is asked, and only if it is still the same one and has the file at that address.
 */
export function candidates(target: Target, range: MappedRange, options: WorkerOptions): Candidate[] {
  if (!hasBuildId(target)) return options.proc === "" ? [] : inSameProcess(options.proc, target, range);
  const name = basename(target.file);
  const paths: string[] = [];
  for (const pid of options.proc === "" ? [] : target.pids.slice(0, maxPids)) {
    const own = `${options.proc}/${pid}`;
    if (name === "" || name === basename(target.executable)) paths.push(`${own}/exe`);
    for (const file of filesOf(own)) {
      if (basename(file.path) === name) paths.push(...pathsOf(own, file).map(({ path }) => path));
    }
  }
  for (const path of [target.file, target.executable]) {
    if (isAbsolute(path) && basename(path) === name) paths.push(normalize(path));
  }
  if (name !== "" && name !== "." && name !== "..") paths.push(...options.systemDirs.map((dir) => join(dir, name)));
  return [...new Set(paths)].map((path) => ({ path }));
}

function inSameProcess(proc: string, target: Target, range: MappedRange): Candidate[] {
  const [pid] = target.pids;
  const own = `${proc}/${pid}`;
  const mapped = filesOf(own).find(({ start, path }) => {
    return Number(start) === range.start && (path === target.file || basename(path) === target.file);
  });
  // Read after the maps: had another process got the id before them, it would have begun by now.
  return mapped && startTicks(proc, pid) === target.startTicks ? pathsOf(own, mapped) : [];
}

/** Regions with code of a file; none where the process is gone or may not be looked at. */
function filesOf(own: string): CodeRegion[] {
  return (readCodeRegions(own, maxRegions) ?? []).filter(({ path }) => path.startsWith("/"));
}

/** Links of the kernel to the very file that is mapped come first; the path may have been given to another one. */
function pathsOf(own: string, region: CodeRegion): Candidate[] {
  const { inode, path, isDeleted } = region;
  const found: Candidate[] = [{ path: `${own}/map_files/${mapFileName(region)}`, inode }];
  if (isExecutable(own, path)) found.push({ path: `${own}/exe`, inode });
  // `..` can't lead out of the process' root.
  if (!isDeleted) found.push({ path: join(`${own}/root`, normalize(`/${path}`)), inode });
  return found;
}

function isExecutable(own: string, path: string): boolean {
  try {
    return readlinkSync(`${own}/exe`).replace(/ \(deleted\)$/, "") === path;
  } catch {
    return false;
  }
}
