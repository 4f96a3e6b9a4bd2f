import { access, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";

export interface RotationLimits {
  readonly maxDays: number;
  readonly maxBackups: number;
  readonly localtime: boolean;
}

/** Moves the file out of the way: base-2006-01-02T15-04-05.000-size.ext, as the Collector names it. Nothing is overwritten. */
export async function rotate(path: string, nowMs: number, localtime: boolean): Promise<void> {
  for (let at = nowMs; ; at++) {
    const target = rotatedName(path, at, localtime);
    if (await exists(target)) continue;
    await rename(path, target);
    return;
  }
}

export function rotatedName(path: string, atMs: number, localtime: boolean): string {
  const shifted = localtime ? atMs - new Date(atMs).getTimezoneOffset() * 60_000 : atMs;
  const time = new Date(shifted).toISOString().slice(0, 23).replaceAll(":", "-");
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${time}-size${extension}`);
}

/** Deletes rotated files past the limits, oldest first; returns how many. */
export async function prune(path: string, nowMs: number, limits: RotationLimits): Promise<number> {
  const extension = extname(path);
  const prefix = `${basename(path, extension)}-`;
  const stamp = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}-size$/;
  const names = (await readdir(dirname(path))).filter(
    (name) =>
      name.startsWith(prefix) &&
      name.endsWith(extension) &&
      stamp.test(name.slice(prefix.length, name.length - extension.length)),
  );
  return deleteOldest(dirname(path), names.sort(), nowMs, limits);
}

/** The same for a directory of pprof files, by the time of writing. */
export async function prunePprof(dir: string, nowMs: number, limits: RotationLimits): Promise<number> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".pb.gz"));
  if (limits.maxDays === 0 && (limits.maxBackups === 0 || names.length <= limits.maxBackups)) return 0;
  const times = new Map<string, number>();
  for (const name of names) times.set(name, (await stat(join(dir, name))).mtimeMs);
  names.sort((a, b) => (times.get(a) ?? 0) - (times.get(b) ?? 0) || (a < b ? -1 : 1));
  return deleteOldest(dir, names, nowMs, limits);
}

/** `names` are oldest first. */
async function deleteOldest(
  dir: string,
  names: readonly string[],
  nowMs: number,
  limits: RotationLimits,
): Promise<number> {
  const tooMany = limits.maxBackups > 0 ? names.length - limits.maxBackups : 0;
  let deleted = 0;
  for (const [index, name] of names.entries()) {
    const path = join(dir, name);
    if (index >= tooMany && !(await isOlder(path, nowMs, limits.maxDays))) continue;
    await unlink(path);
    deleted++;
  }
  return deleted;
}

async function isOlder(path: string, nowMs: number, days: number): Promise<boolean> {
  if (days === 0) return false;
  return nowMs - (await stat(path)).mtimeMs > days * 86_400_000;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
