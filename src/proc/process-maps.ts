import { join } from "node:path";
import { readProcFile } from "./proc-files.js";

/** A part of a process' memory that holds code. */
export interface CodeRegion {
  readonly start: bigint;
  readonly end: bigint;
  /** Where in the file it begins. */
  readonly fileOffset: bigint;
  /** major:minor in decimal, as in mountinfo. */
  readonly device: string;
  /** "0" where it is of no file. */
  readonly inode: string;
  /** As the process sees it; "[vdso]" and the like for the kernel's own, "" for memory without a file. */
  readonly path: string;
  /** True if the path leads elsewhere by now, or nowhere. */
  readonly isDeleted: boolean;
}

/** A process with more mappings than fit is read as far as they go. */
const maxMapsBytes = 4 * 1024 * 1024;
const deleted = / \(deleted\)$/;

const line =
  /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) ..x. ([0-9a-f]{1,16}) ([0-9a-f]{2,8}):([0-9a-f]{2,8}) (\d{1,20})\s*(.*)$/;

/** As `parseCodeRegions`, of the process of this folder (/proc/PID); undefined where it is gone or may not be looked at. */
export function readCodeRegions(own: string, maxRegions: number): CodeRegion[] | undefined {
  const text = readProcFile(join(own, "maps"), maxMapsBytes);
  return text === undefined || text === "" ? undefined : parseCodeRegions(text, maxRegions);
}

/** What the kernel calls the file of a region below /proc/PID/map_files. */
export function mapFileName({ start, end }: CodeRegion): string {
  return `${start.toString(16)}-${end.toString(16)}`;
}

/**
 * Executable regions in the text of /proc/PID/maps, in the order of their addresses; at most `maxRegions`. A line without
 * its end was cut, and is left out.
 */
export function parseCodeRegions(text: string, maxRegions: number): CodeRegion[] {
  const regions: CodeRegion[] = [];
  for (const each of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    // Most regions hold no code.
    if (each[each.indexOf(" ") + 3] !== "x") continue;
    const match = line.exec(each);
    if (!match) continue;
    if (regions.length === maxRegions) break;
    const [, start, end, fileOffset, major, minor, inode, path] = match;
    regions.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      fileOffset: BigInt(`0x${fileOffset}`),
      device: `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`,
      inode,
      path: path.replace(deleted, ""),
      isDeleted: deleted.test(path),
    });
  }
  return regions;
}

/** The region that holds an address; `regions` are sorted as /proc has them. */
export function regionAt(regions: readonly CodeRegion[], address: bigint): CodeRegion | undefined {
  let low = 0;
  let high = regions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (regions[middle].end <= address) low = middle + 1;
    else high = middle;
  }
  const found = regions[low];
  return found && address >= found.start ? found : undefined;
}

/** File systems that another process or another machine answers for, or doesn't. */
const remote = /^(?:fuse|nfs|cifs|smb|9p|ceph|afs|gfs|ocfs|lustre|glusterfs|beegfs|coda|ncpfs|davfs|virtiofs)/;

/** Devices of remote file systems in the text of /proc/PID/mountinfo: to read there may take for ever. */
export function remoteDevices(mountinfo: string): Set<string> {
  const devices = new Set<string>();
  for (const each of mountinfo.split("\n")) {
    const [mount, rest] = each.split(" - ");
    if (rest !== undefined && remote.test(rest)) devices.add(mount.split(" ", 3)[2]);
  }
  return devices;
}
