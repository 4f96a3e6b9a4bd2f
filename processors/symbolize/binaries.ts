import { type Binary, openBinary } from "../../src/symbols/binary.js";
import { buildIdsOf, debugLinkOf } from "../../src/symbols/build-id.js";
import { type FileSource, openFileSource } from "../../src/symbols/byte-source.js";
import { demangle } from "../../src/symbols/demangle.js";
import { parseElf } from "../../src/symbols/elf.js";
import { type MappedRange, virtualAddress } from "../../src/symbols/segments.js";
import { candidates, debugCandidates, hasBuildId } from "./locate.js";
import type { Answer, Request, Target, WorkerOptions } from "./protocol.js";
import { createUploadFolder, matches } from "./upload-folder.js";

interface Kept {
  readonly binary: Binary;
  readonly identity: string;
}

/** Open binaries at most: each keeps a file open. */
const maxOpen = 64;

export interface Binaries {
  answer(request: Omit<Request, "id">): Answer;
  close(): void;
}

/** Finds, reads and keeps binaries, within a number of bytes of tables. */
export function createBinaries(options: WorkerOptions): Binaries {
  const kept = new Map<string, Kept>();
  const uploads = createUploadFolder(options.uploadDir);
  let keptBytes = 0;
  let lastReason = "";

  function forget(key: string, { binary }: Kept): void {
    kept.delete(key);
    keptBytes -= binary.byteSize;
    binary.close();
  }

  function keep(key: string, entry: Kept): void {
    kept.set(key, entry);
    keptBytes += entry.binary.byteSize;
    for (const [oldest, each] of kept) {
      if ((keptBytes <= options.maxKeptBytes && kept.size <= maxOpen) || each === entry) break;
      forget(oldest, each);
    }
  }

  /** Opens the file if it is the build that is meant. */
  function tryOpen(path: string, target: Target): Kept | undefined {
    let source: FileSource | undefined;
    try {
      source = openFileSource(path, options.maxTableBytes);
      const elf = parseElf(source);
      const ids = buildIdsOf(elf);
      if (!hasBuildId(target) || matches(ids, target)) {
        const debug = openDebug(debugCandidates(ids.gnu, debugLinkOf(elf), path, options), ids.gnu);
        const binary = openBinary(source, { maxTableBytes: options.maxTableBytes, demangle: write }, debug);
        return { binary, identity: ids.gnu !== "" ? `gnu:${ids.gnu}` : `file:${source.identity}` };
      }
      lastReason = "files of that name are of another build";
    } catch (caught) {
      if (source || (caught as { code?: string }).code !== "ENOENT") lastReason = (caught as Error).message;
    }
    source?.close();
    return undefined;
  }

  function openDebug(paths: readonly string[], gnu: string): FileSource | undefined {
    for (const path of paths) {
      let source: FileSource | undefined;
      try {
        source = openFileSource(path, options.maxTableBytes);
        if (gnu === "" || buildIdsOf(parseElf(source)).gnu === gnu) return source;
      } catch {
        // The next place may have it.
      }
      source?.close();
    }
    return undefined;
  }

  const write = (name: string): string => demangle(name, options.demangle);

  function find(target: Target, range: MappedRange): Kept | undefined {
    const known = kept.get(target.key);
    if (known) {
      kept.delete(target.key);
      kept.set(target.key, known);
      return known;
    }
    lastReason = "no such file here";
    const places = [
      () => candidates(target, range, options),
      () => uploads.find(target),
      () => debugCandidates(target.gnu, "", "", options),
    ];
    for (const paths of places) {
      for (const path of paths()) {
        const opened = tryOpen(path, target);
        if (!opened) continue;
        keep(target.key, opened);
        return opened;
      }
    }
    return undefined;
  }

  return {
    answer({ target, addresses, range }) {
      const found = find(target, range);
      if (!found) return { outcome: "not_found", reason: lastReason };
      const { binary, identity } = found;
      const frames = addresses.map((address) => {
        return binary.framesAt(virtualAddress(binary.segments, address, range)) ?? null;
      });
      return { outcome: "found", identity, segments: binary.segments, frames };
    },
    close() {
      for (const [key, entry] of kept) forget(key, entry);
    },
  };
}
