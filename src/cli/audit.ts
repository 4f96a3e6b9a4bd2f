import { realpathSync } from "node:fs";
import { type ByteSource, openFileSource } from "../symbols/byte-source.js";
import { debugFilePaths, openDebugFile } from "../symbols/debug-files.js";
import { parseElf } from "../symbols/elf.js";
import { type BinaryReport, reportOf } from "../symbols/report.js";
import { type AuditedBinary, audited, reachOf, summaryOf } from "./audit-text.js";
import { type HostBinary, hostBinaries } from "./host-binaries.js";
import type { CliIo } from "./io.js";

export interface AuditOptions {
  readonly host: boolean;
  readonly json: boolean;
  readonly debugDir: readonly string[];
  readonly requireFramePointers: boolean;
  /** Where processes are found; tests bring their own. */
  readonly proc?: string;
}

const maxTableBytes = 512 * 1024 * 1024;
const maxReadBytes = 512 * 1024 * 1024;

/**
 * Tells what a profiler will be able to name in binaries. Resolves with the exit code: 0 if that is every function of each,
 * 1 if not (or if one lacks frame pointers that are required), 2 if a binary can't be read, or none was given.
 */
export async function audit(paths: readonly string[], options: AuditOptions, io: CliIo): Promise<number> {
  if (paths.length === 0 && !options.host) {
    io.stderr.write("Error: name the binaries to audit, or --host for those of all running processes\n");
    return 2;
  }
  const found = options.host ? hostBinaries(options.proc ?? "/proc") : { binaries: [], left: 0, hidden: 0 };
  if (found.hidden > 0) {
    io.stderr.write(
      `Warning: ${found.hidden} processes may not be looked at, so that their binaries are missing here: run this as root\n`,
    );
  }
  const wanted: HostBinary[] = [...paths.map((path) => ({ path, opens: [path], processes: [] })), ...found.binaries];
  const results = wanted.flatMap((each) => auditOne(each, options.debugDir) ?? []);
  if (options.json) {
    for (const each of results) io.stdout.write(`${JSON.stringify(each)}\n`);
  } else {
    for (const each of results) io.stdout.write(audited(each));
    io.stdout.write(summaryOf(results, found.left));
  }
  return exitCodeOf(results, options);
}

/** undefined for a binary of the host whose processes have ended since. */
function auditOne({ path, opens, processes }: HostBinary, debugDirs: readonly string[]): AuditedBinary | undefined {
  let failure: unknown;
  for (const open of opens) {
    try {
      return { path, processes, ...read(open, debugDirs) };
    } catch (caught) {
      failure = caught;
    }
  }
  const isGone = processes.length > 0 && (failure as { code?: string }).code === "ENOENT";
  return isGone ? undefined : { path, processes, error: failure instanceof Error ? failure.message : String(failure) };
}

function read(path: string, debugDirs: readonly string[]): Pick<AuditedBinary, "report" | "debugFile" | "names"> {
  const source = openFileSource(path, maxReadBytes);
  try {
    const report = reportOf(source, maxTableBytes);
    const debugFile = report.symbols === undefined ? debugFileOf(source, path, report, debugDirs) : "";
    return { report, debugFile, names: reachOf(report, debugFile) };
  } finally {
    source.close();
  }
}

/** Path of the file with the symbols that were stripped; "" where there is none. */
function debugFileOf(source: ByteSource, path: string, report: BinaryReport, debugDirs: readonly string[]): string {
  const paths = debugFilePaths(report.ids.gnu, report.debugLink, real(path), debugDirs);
  const found = openDebugFile(parseElf(source), paths, maxReadBytes);
  found?.source.close();
  return found?.path ?? "";
}

/** A debug file stands beside the binary itself, not beside a link to it. */
function real(path: string): string {
  try {
    return path.startsWith("/proc/") ? path : realpathSync(path);
  } catch {
    return path;
  }
}

function exitCodeOf(results: readonly AuditedBinary[], { requireFramePointers }: AuditOptions): number {
  if (results.some(({ error }) => error !== undefined)) return 2;
  const isFine = results.every(({ names, report }) => {
    const hasFramePointers = report?.framePointers.verdict === "yes";
    return (names === "lines" || names === "functions") && (!requireFramePointers || hasFramePointers);
  });
  return isFine ? 0 : 1;
}
