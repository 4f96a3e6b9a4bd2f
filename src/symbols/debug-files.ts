import { dirname, join } from "node:path";
import { buildIdsOf, debugLinkOf } from "./build-id.js";
import { type FileSource, openFileSource } from "./byte-source.js";
import { crc32Of } from "./crc32.js";
import { type Elf, parseElf } from "./elf.js";
import { hasSymbolTable } from "./symbol-table.js";

const hex = /^[0-9a-f]{4,128}$/;

/**
 * Paths where the separate file with a build's symbols may be, the surest first: by build id (`gnu`, in hex) in the debug
 * directories, then by the name in .gnu_debuglink (`link`) beside the binary and in those directories. `binary` is where
 * the build itself was found; below `/proc/PID/root`, that root's own directories come first.
 */
export function debugFilePaths(gnu: string, link: string, binary: string, debugDirs: readonly string[]): string[] {
  const [root, seen] = splitRoot(binary);
  const dirs = [...(root === "" ? [] : debugDirs.map((dir) => join(root, dir))), ...debugDirs];
  const paths: string[] = [];
  if (hex.test(gnu)) {
    for (const dir of dirs) paths.push(join(dir, ".build-id", gnu.slice(0, 2), `${gnu.slice(2)}.debug`));
  }
  if (link === "" || binary === "") return paths;
  const home = dirname(seen);
  paths.push(join(root, home, ".debug", link), join(root, home, link));
  for (const dir of dirs) paths.push(join(dir, home, link));
  return paths.filter((path) => path !== binary);
}

/** `/proc/1/root/usr/bin/x` -> `/proc/1/root`, `/usr/bin/x`. */
function splitRoot(path: string): [root: string, seen: string] {
  const root = /^.*\/\d+\/root(?=\/)/.exec(path)?.[0] ?? "";
  return [root, path.slice(root.length)];
}

/** Largest debug file without a build id, whose checksum has to be taken. */
const maxCheckedBytes = 256 * 1024 * 1024;

export interface DebugFile {
  readonly path: string;
  readonly source: FileSource;
}

/**
 * Opens the first of `paths` that has the symbols of this build: its build id is the same, or, where the build has none,
 * the checksum that its .gnu_debuglink names.
 */
export function openDebugFile(elf: Elf, paths: readonly string[], maxReadBytes: number): DebugFile | undefined {
  const { gnu } = buildIdsOf(elf);
  const { checksum } = debugLinkOf(elf);
  for (const path of paths) {
    let source: FileSource | undefined;
    try {
      source = openFileSource(path, maxReadBytes);
      const debug = parseElf(source);
      const isSame =
        gnu === "" ? source.size <= maxCheckedBytes && crc32Of(source) === checksum : buildIdsOf(debug).gnu === gnu;
      if (isSame && hasSymbolTable(debug)) return { path, source };
    } catch {
      // The next place may have it.
    }
    source?.close();
  }
  return undefined;
}
