import { basename, dirname, isAbsolute, join, normalize } from "node:path";
import type { MappedRange } from "../../src/symbols/segments.js";
import { readMaps } from "./proc-maps.js";
import type { Target, WorkerOptions } from "./protocol.js";

/** Most processes that are asked for one binary. */
const maxPids = 8;
const hex = /^[0-9a-f]{4,128}$/;

/** True if the mapping names a build, so that whatever is found can be held against it. */
export function hasBuildId({ gnu, go, htlhash }: Target): boolean {
  return gnu !== "" || go !== "" || htlhash !== "";
}

/**
 * Paths where a binary may be, the likeliest first. What is found there has to have the build id that the mapping names;
 * where it names none, only the process itself is asked, and only if it still has that file at that address: another
 * process may have got its id since.
 */
export function candidates(target: Target, range: MappedRange, options: WorkerOptions): string[] {
  const name = basename(target.file);
  const paths: string[] = [];
  for (const pid of options.proc === "" ? [] : target.pids.slice(0, maxPids)) {
    paths.push(...inProcess(options.proc, pid, target, name, range));
  }
  if (!hasBuildId(target)) return paths;
  for (const path of [target.file, target.executable]) {
    if (isAbsolute(path) && basename(path) === name) paths.push(normalize(path));
  }
  if (name !== "" && name !== "." && name !== "..") paths.push(...options.systemDirs.map((dir) => join(dir, name)));
  return [...new Set(paths)];
}

function inProcess(proc: string, pid: number, target: Target, name: string, range: MappedRange): string[] {
  const own = `${proc}/${pid}`;
  const mapped = readMaps(proc, pid).filter(({ path }) => basename(path) === name);
  if (!hasBuildId(target)) {
    const same = mapped.find(({ start, path }) => start === range.start && (target.file === name || path === target.file));
    return same ? [inRoot(own, same.path)] : [];
  }
  const paths = mapped.map(({ path }) => inRoot(own, path));
  if (name === "" || name === basename(target.executable)) paths.unshift(`${own}/exe`);
  return paths;
}

/** A path as the process sees it; `..` can't lead out of its root. */
function inRoot(own: string, path: string): string {
  return join(`${own}/root`, normalize(`/${path}`));
}

/** Paths of the separate file with the symbols of a build. */
export function debugCandidates(gnu: string, link: string, binary: string, options: WorkerOptions): string[] {
  const paths: string[] = [];
  for (const dir of options.debugDirs) {
    if (hex.test(gnu)) paths.push(join(dir, ".build-id", gnu.slice(0, 2), `${gnu.slice(2)}.debug`));
  }
  if (link === "" || binary === "") return paths;
  const home = dirname(binary);
  paths.push(join(home, ".debug", link), join(home, link));
  const seen = home.replace(/^.*\/\d+\/root(?=\/)/, "");
  for (const dir of options.debugDirs) paths.push(join(dir, seen, link));
  return paths.filter((path) => path !== binary);
}
