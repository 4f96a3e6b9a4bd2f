import { closeSync, openSync, readSync } from "node:fs";

const maxMapsBytes = 4 * 1024 * 1024;

export interface MappedFile {
  readonly start: bigint;
  readonly path: string;
}

/** Files that a process has mapped, from the text of /proc/PID/maps. */
export function parseMaps(text: string): MappedFile[] {
  const files: MappedFile[] = [];
  for (const line of text.split("\n")) {
    const match = /^([0-9a-f]{1,16})-[0-9a-f]+ \S+ \S+ \S+ \d+\s+(\/.*)$/.exec(line);
    if (match) files.push({ start: BigInt(`0x${match[1]}`), path: match[2].replace(/ \(deleted\)$/, "") });
  }
  return files;
}

/** The process' maps; none where it is gone or may not be looked at. */
export function readMaps(proc: string, pid: number): MappedFile[] {
  let fd: number | undefined;
  try {
    fd = openSync(`${proc}/${pid}/maps`, "r");
    const bytes = Buffer.allocUnsafe(maxMapsBytes);
    let length = 0;
    for (;;) {
      const got = readSync(fd, bytes, length, bytes.length - length, null);
      length += got;
      if (got === 0 || length === bytes.length) return parseMaps(bytes.toString("utf8", 0, length));
    }
  } catch {
    return [];
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
