import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BuildIds, buildIdsOf } from "../../src/symbols/build-id.js";
import { openFileSource } from "../../src/symbols/byte-source.js";
import { parseElf } from "../../src/symbols/elf.js";
import type { Target } from "./protocol.js";

/** Most files that are looked at, in the folder and in the folders in it. */
const maxFiles = 4096;
const rescanMs = 5000;

interface Known {
  readonly stamp: string;
  readonly ids: BuildIds | undefined;
}

export function matches(ids: BuildIds, { gnu, go, htlhash }: Target): boolean {
  if (gnu !== "" && ids.gnu !== "") return gnu === ids.gnu;
  if (htlhash !== "" && htlhash === ids.htlhash) return true;
  return go !== "" && go === ids.go;
}

/** Binaries that somebody put into a folder, under whatever name. */
export function createUploadFolder(dir: string): { find(target: Target): string[] } {
  let known = new Map<string, Known>();
  let scannedMs = Number.NEGATIVE_INFINITY;
  const scan = (): void => {
    const found = new Map<string, Known>();
    for (const path of filesIn(dir)) {
      const stamp = stampOf(path);
      const before = known.get(path);
      found.set(path, before?.stamp === stamp ? before : { stamp, ids: idsOf(path) });
    }
    known = found;
  };
  return {
    find(target) {
      if (dir === "") return [];
      const nowMs = performance.now();
      if (nowMs - scannedMs >= rescanMs) {
        scannedMs = nowMs;
        scan();
      }
      return [...known].filter(([, { ids }]) => ids && matches(ids, target)).map(([path]) => path);
    },
  };
}

function filesIn(dir: string): string[] {
  const files: string[] = [];
  const read = (folder: string, depth: number): void => {
    for (const entry of entriesOf(folder)) {
      if (files.length >= maxFiles) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth > 0) read(path, depth - 1);
      } else files.push(path);
    }
  };
  read(dir, 1);
  return files;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function stampOf(path: string): string {
  try {
    const { size, mtimeMs } = statSync(path);
    return `${size}:${mtimeMs}`;
  } catch {
    return "";
  }
}

function idsOf(path: string): BuildIds | undefined {
  try {
    const source = openFileSource(path);
    try {
      return buildIdsOf(parseElf(source));
    } finally {
      source.close();
    }
  } catch {
    return undefined;
  }
}
