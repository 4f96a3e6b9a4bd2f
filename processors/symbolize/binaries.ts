import { type Binary, openBinary } from "../../src/symbols/binary.js";
import { buildIdsOf, debugLinkOf } from "../../src/symbols/build-id.js";
import { type FileSource, openFileSource } from "../../src/symbols/byte-source.js";
import { debugFilePaths, openDebugFile } from "../../src/symbols/debug-files.js";
import { demangle } from "../../src/symbols/demangle.js";
import { type Elf, parseElf } from "../../src/symbols/elf.js";
import { virtualAddress } from "../../src/symbols/segments.js";
import { hasSymbolTable } from "../../src/symbols/symbol-table.js";
import { type Candidate, candidates, hasBuildId } from "./locate.js";
import type { Answer, NotFound, Request, Target, WorkerOptions } from "./protocol.js";
import { createUploadFolder, matches } from "./upload-folder.js";

/** Open binaries at most: each keeps a file open. */
const maxOpen = 64;
/** Targets whose binary is remembered. */
const maxTargets = 8192;

const nowhere: NotFound = { outcome: "not_found", reason: "no such file here" };

interface Kept {
  readonly binary: Binary;
  /** The same text means the same content. */
  readonly identity: string;
  readonly readMs: number;
}

export interface Binaries {
  answer(request: Omit<Request, "id">): Answer;
  close(): void;
}

/** Finds, reads and keeps binaries, within a number of bytes of tables. Files with the same content are read once. */
export function createBinaries(options: WorkerOptions): Binaries {
  /** By identity, those that were asked last at the end. */
  const kept = new Map<string, Kept>();
  /** What targets turned out to be. */
  const identities = new Map<string, string>();
  const uploads = createUploadFolder(options.uploadDir);
  const write = (name: string): string => demangle(name, options.demangle);
  let failure: NotFound = nowhere;

  function touch(identity: string): Kept | undefined {
    const known = kept.get(identity);
    if (!known) return undefined;
    if (known.binary.isStripped && performance.now() - known.readMs >= options.strippedTtlMs) {
      forget(known);
      return undefined;
    }
    kept.delete(identity);
    kept.set(identity, known);
    return known;
  }

  function forget({ binary, identity }: Kept): void {
    kept.delete(identity);
    binary.close();
  }

  /** Closes the binaries that were not asked for the longest. */
  function makeRoom(newest: Kept): void {
    let bytes = 0;
    for (const { binary } of kept.values()) bytes += binary.byteSize;
    for (const each of kept.values()) {
      if ((bytes <= options.maxKeptBytes && kept.size <= maxOpen) || each === newest) return;
      bytes -= each.binary.byteSize;
      forget(each);
    }
  }

  /** Opens the file if it is the one that is meant. */
  function tryOpen({ path, inode }: Candidate, target: Target): Kept | undefined {
    let source: FileSource | undefined;
    try {
      source = openFileSource(path, options.maxTableBytes);
      const opened = openIfMeant(source, path, inode, target);
      if (opened) return opened;
    } catch (caught) {
      const reason = caught instanceof Error ? caught.message : String(caught);
      if (source) failure = { outcome: "invalid", reason: `${path}: ${reason}` };
      else if ((caught as { code?: string }).code !== "ENOENT") failure = { outcome: "not_found", reason };
    }
    source?.close();
    return undefined;
  }

  function openIfMeant(source: FileSource, path: string, inode: string | undefined, target: Target): Kept | undefined {
    if (!hasBuildId(target) && inode !== undefined && inode !== source.inode) {
      failure = { outcome: "not_found", reason: "the file was replaced since the process mapped it" };
      return undefined;
    }
    const elf = parseElf(source);
    const ids = buildIdsOf(elf);
    if (hasBuildId(target) && !matches(ids, target)) {
      failure = { outcome: "not_found", reason: "files of that name are of another build" };
      return undefined;
    }
    const identity = ids.gnu !== "" ? `gnu:${ids.gnu}` : `file:${source.identity}`;
    const known = touch(identity);
    if (known) {
      source.close();
      return known;
    }
    const debug = hasSymbolTable(elf) ? undefined : openDebug(elf, ids.gnu, path, target);
    const binary = openBinary(source, { maxTableBytes: options.maxTableBytes, demangle: write }, debug);
    const entry = { binary, identity, readMs: performance.now() };
    kept.set(identity, entry);
    return entry;
  }

  /** The separate file with the symbols that were stripped from a build. */
  function openDebug(elf: Elf, gnu: string, path: string, target: Target): FileSource | undefined {
    const paths = debugFilePaths(gnu, debugLinkOf(elf).name, path, options.debugDirs);
    if (gnu !== "") paths.push(...uploads.find({ ...target, gnu }));
    return openDebugFile(elf, paths, options.maxTableBytes)?.source;
  }

  function find({ target, range }: Omit<Request, "id">): Kept | undefined {
    const known = touch(identities.get(target.key) ?? "");
    if (known) return known;
    failure = nowhere;
    const places: (() => readonly Candidate[])[] = [
      () => candidates(target, range, options),
      () => uploads.find(target).map((path) => ({ path })),
      () => debugFilePaths(target.gnu, "", "", options.debugDirs).map((path) => ({ path })),
    ];
    for (const place of places) {
      for (const candidate of place()) {
        const opened = tryOpen(candidate, target);
        if (!opened) continue;
        identities.delete(target.key);
        identities.set(target.key, opened.identity);
        if (identities.size > maxTargets) {
          const [oldest] = identities.keys();
          identities.delete(oldest);
        }
        return opened;
      }
    }
    return undefined;
  }

  return {
    answer(request) {
      const found = find(request);
      if (!found) return failure;
      const { binary, identity } = found;
      const { segments, isStripped } = binary;
      const columns = binary.framesAt(request.addresses.map((each) => virtualAddress(segments, each, request.range)));
      makeRoom(found);
      return { outcome: "found", identity, segments, isStripped, columns };
    },
    close() {
      for (const each of kept.values()) forget(each);
      identities.clear();
    },
  };
}
