import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type CodeRegion, mapFileName, readCodeRegions, remoteDevices } from "../proc/process-maps.js";

export interface HostBinary {
  /** As its first process sees it. */
  readonly path: string;
  /** Where this process can open it, the likeliest first: a process may end at any time. */
  readonly opens: string[];
  readonly processes: number[];
}

const maxProcesses = 32_768;
const maxBinaries = 1024;
const maxRegions = 16_384;
const maxOpens = 4;
/** Smaller libraries hardly show in a profile. */
const smallestLibraryBytes = 1024 * 1024;

/**
 * Programs of all processes that may be looked at, and the libraries of a megabyte and more that they use, each once. Files
 * on remote file systems are left out: to read there may take for ever. `left` counts those past the most that are kept,
 * `hidden` processes that may not be looked at.
 */
export function hostBinaries(proc: string): {
  readonly binaries: HostBinary[];
  readonly left: number;
  readonly hidden: number;
} {
  const found = new Map<string, HostBinary | undefined>();
  const left = new Set<string>();
  let hidden = 0;
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, maxProcesses)) {
    const own = join(proc, pid);
    const remote = remoteDevices(textOf(join(own, "mountinfo")));
    const program = statOf(join(own, "exe"))?.ino;
    const regions = readCodeRegions(own, maxRegions);
    // Threads of the kernel and what has ended have neither.
    if (!regions && textOf(join(own, "cmdline")) !== "") hidden++;
    for (const region of regions ?? []) {
      if (region.inode === "0" || remote.has(region.device)) continue;
      const key = `${region.device} ${region.inode}`;
      if (!found.has(key)) {
        const binary = binaryOf(own, region, String(program) === region.inode);
        if (binary && found.size >= maxBinaries) left.add(key);
        else found.set(key, binary);
      }
      const binary = found.get(key);
      if (!binary || binary.processes.at(-1) === Number(pid)) continue;
      if (binary.processes.length > 0 && binary.opens.length < maxOpens) binary.opens.push(...placesOf(own, region));
      binary.processes.push(Number(pid));
    }
  }
  const binaries = [...found.values()].filter((binary) => binary !== undefined);
  return { binaries: binaries.sort((a, b) => (a.path < b.path ? -1 : 1)), left: left.size, hidden };
}

/** undefined for a small library, and for what can't be opened. */
function binaryOf(own: string, region: CodeRegion, isProgram: boolean): HostBinary | undefined {
  const [open] = [...(isProgram ? [join(own, "exe")] : []), ...placesOf(own, region)];
  const stat = open === undefined ? undefined : statOf(open);
  if (!open || !stat || (!isProgram && stat.size < smallestLibraryBytes)) return undefined;
  return { path: region.path, opens: [open], processes: [] };
}

/** Where the file of a region can be opened. The kernel's link has even one that was deleted, but takes more rights. */
function placesOf(own: string, region: CodeRegion): string[] {
  const places = [join(own, "map_files", mapFileName(region)), join(own, "root", region.path)];
  return places
    .filter((place) => {
      const stat = statOf(place);
      return stat?.isFile() && String(stat.ino) === region.inode;
    })
    .slice(0, 1);
}

function statOf(path: string) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
