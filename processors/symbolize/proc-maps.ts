import { closeSync, openSync, readSync } from "node:fs";

/** A process with more mappings than fit is read as far as they go. */
const maxMapsBytes = 4 * 1024 * 1024;
const firstReadBytes = 64 * 1024;

export interface MappedFile {
  readonly start: number;
  /** `START-END` as /proc/PID/map_files has it. */
  readonly range: string;
  readonly inode: string;
  /** As the process sees it. */
  readonly path: string;
  /** True if the path leads elsewhere by now, or nowhere. */
  readonly isDeleted: boolean;
}

/** Files that a process has mapped, from the text of /proc/PID/maps; a line that was cut is left out. */
export function parseMaps(text: string): MappedFile[] {
  const files: MappedFile[] = [];
  for (const line of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
    const match = /^(([0-9a-f]{1,16})-[0-9a-f]{1,16}) \S+ \S+ \S+ (\d+)\s+(\/.*)$/.exec(line);
    if (!match) continue;
    const [, range, start, inode, name] = match;
    const path = name.replace(/ \(deleted\)$/, "");
    files.push({ start: Number.parseInt(start, 16), range, inode, path, isDeleted: path !== name });
  }
  return files;
}

/** The process' maps; none where it is gone or may not be looked at. */
export function readMaps(proc: string, pid: number): MappedFile[] {
  let fd: number | undefined;
  try {
    fd = openSync(`${proc}/${pid}/maps`, "r");
    let bytes = Buffer.allocUnsafe(firstReadBytes);
    let length = 0;
    for (;;) {
      const got = readSync(fd, bytes, length, bytes.length - length, null);
      length += got;
      if (got === 0 || length === maxMapsBytes) return parseMaps(bytes.toString("utf8", 0, length));
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * length, maxMapsBytes));
    }
  } catch {
    return [];
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
