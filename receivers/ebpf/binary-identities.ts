import { statSync } from "node:fs";
import { join, normalize } from "node:path";
import { type CodeRegion, mapFileName } from "../../src/proc/process-maps.js";
import { type BuildIds, buildIdsOf } from "../../src/symbols/build-id.js";
import { type ByteSource, openFileSource } from "../../src/symbols/byte-source.js";
import { parseElf } from "../../src/symbols/elf.js";
import { InvalidBinaryError } from "../../src/symbols/invalid-binary.js";
import type { Segment } from "../../src/symbols/segments.js";

/** Which build a file is, and where its parts go in memory. */
export interface BinaryIdentity {
  readonly ids: BuildIds;
  readonly segments: readonly Segment[];
}

/** Headers and notes of a binary are read in this process: no more of them than so many bytes. */
const maxReadBytes = 16 * 1024 * 1024;
const unreadable = Symbol("unreadable");

interface Known {
  /** undefined for what is no binary. */
  readonly identity: BinaryIdentity | undefined;
  /** Size and times of the file that was read. */
  readonly stamp: string;
}

/** Identities of binaries, read once for each file. Nothing in a file is trusted; none is read as a whole. */
export class BinaryIdentities {
  private readonly proc: string;
  private readonly maxFiles: number;
  /** By device and inode. */
  private readonly known = new Map<string, Known>();
  /** What regions were found to be of. */
  private readonly checked = new WeakMap<CodeRegion, Known>();
  /** Files that could not be opened in this interval: another process may show them in the next. */
  private readonly unreadable = new Set<string>();

  constructor(proc: string, maxFiles: number) {
    this.proc = proc;
    this.maxFiles = maxFiles;
  }

  get size(): number {
    return this.known.size;
  }

  beginInterval(): void {
    this.unreadable.clear();
  }

  /** The identity of the file of a process' region; undefined where there is none, or it can't be read. */
  of(pid: number, region: CodeRegion): BinaryIdentity | undefined {
    if (region.inode === "0" || !region.path.startsWith("/")) return undefined;
    const key = `${region.device} ${region.inode}`;
    const before = this.known.get(key);
    if (before && this.isOf(before, pid, region)) {
      this.keep(key, before);
      return before.identity;
    }
    if (this.unreadable.has(key)) return undefined;
    const read = this.read(pid, region);
    if (read === unreadable) {
      if (this.unreadable.size < this.maxFiles) this.unreadable.add(key);
      return undefined;
    }
    this.checked.set(region, read);
    this.keep(key, read);
    return read.identity;
  }

  /** An inode that was read before may be another file's by now, or have been written anew: each region is looked at once. */
  private isOf(known: Known, pid: number, region: CodeRegion): boolean {
    if (this.checked.get(region) === known) return true;
    for (const path of this.pathsOf(pid, region)) {
      const stamp = stampOf(path);
      if (stamp === undefined) continue;
      if (stamp !== known.stamp) return false;
      break;
    }
    this.checked.set(region, known);
    return true;
  }

  private keep(key: string, known: Known): void {
    this.known.delete(key);
    this.known.set(key, known);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= this.maxFiles) break;
      this.known.delete(oldest);
    }
  }

  /** map_files has the very file, even one that was deleted or replaced; it takes more rights. */
  private pathsOf(pid: number, region: CodeRegion): string[] {
    const own = join(this.proc, String(pid));
    return [join(own, "map_files", mapFileName(region)), join(own, "root", normalize(`/${region.path}`))];
  }

  private read(pid: number, region: CodeRegion): Known | typeof unreadable {
    for (const path of this.pathsOf(pid, region)) {
      // Taken first: what is written while it is read is read again.
      const stamp = stampOf(path) ?? "";
      let source: ByteSource | undefined;
      try {
        source = withinBudget(openFileSource(path, maxReadBytes), maxReadBytes);
        const elf = parseElf(source);
        return { identity: { ids: buildIdsOf(elf), segments: elf.segments }, stamp };
      } catch (caught) {
        if (source && caught instanceof InvalidBinaryError) return { identity: undefined, stamp };
      } finally {
        source?.close();
      }
    }
    return unreadable;
  }
}

function stampOf(path: string): string | undefined {
  try {
    const { size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs}`;
  } catch {
    return undefined;
  }
}

/** Ends the reading of a file whose tables would have it read again and again. */
function withinBudget(source: ByteSource, maxBytes: number): ByteSource {
  let left = maxBytes;
  const take = (length: number): void => {
    if (length > left) throw new InvalidBinaryError("headers larger than may be read");
    left -= length;
  };
  return {
    size: source.size,
    read(offset, length) {
      take(length);
      return source.read(offset, length);
    },
    readInto(target, offset, length) {
      take(length);
      source.readInto(target, offset, length);
    },
    close: () => source.close(),
  };
}
