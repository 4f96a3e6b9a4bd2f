import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { retryable } from "../../src/component/errors.js";
import type { Logger } from "../../src/telemetry/log.js";
import type { FileExporterConfig } from "./config.js";
import { prune, rotate } from "./rotation.js";

/** Where whole records go, one behind the other. */
export interface RecordWriter {
  open(): Promise<void>;
  /**
   * Resolves when the record is written as a whole. Rejects with a retryable error where the disk doesn't take it; then
   * nothing of it is in the file.
   */
  write(record: readonly Buffer[]): Promise<void>;
  close(): Promise<void>;
}

interface Waiting {
  readonly record: readonly Buffer[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export function createFileWriter(
  config: FileExporterConfig,
  log: Logger,
  nowMs: () => number = Date.now,
): RecordWriter {
  const { path, rotation } = config;
  const maxBytes = rotation ? (rotation.max_megabytes || 100) * 1024 * 1024 : Number.POSITIVE_INFINITY;
  let file: FileHandle | undefined;
  let size = 0;
  let closed = false;
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;

  async function openFile(keep: boolean): Promise<void> {
    // Not "a": after a failed write the file is cut back, and writing goes on at `size`.
    const handle = await open(path, keep ? "a" : "w", 0o644);
    await handle.close();
    file = await open(path, "r+");
    size = (await file.stat()).size;
  }

  async function turnOver(): Promise<void> {
    await file?.close();
    file = undefined;
    await rotate(path, nowMs(), rotation?.localtime ?? false);
    await openFile(false);
    if (!rotation) return;
    const limits = { maxDays: rotation.max_days, maxBackups: rotation.max_backups, localtime: rotation.localtime };
    await prune(path, nowMs(), limits).catch((error: Error) => {
      log.warn("Rotated files can't be deleted", { error: error.message });
    });
  }

  /** Writes what waits, all at once up to the end of the file. */
  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const group: Waiting[] = [];
      let bytes = 0;
      for (const each of waiting) {
        if (group.length > 0 && size + bytes + each.bytes > maxBytes) break;
        group.push(each);
        bytes += each.bytes;
      }
      waiting = waiting.slice(group.length);
      try {
        if (!file) await openFile(true);
        if (size > 0 && size + bytes > maxBytes) await turnOver();
        await writeAll(group.flatMap(({ record }) => record));
        size += bytes;
        for (const { resolve } of group) resolve();
      } catch (error) {
        await file?.truncate(size).catch(() => {});
        for (const { reject } of group) reject(refused(error));
      }
    }
    writing = undefined;
  }

  async function writeAll(buffers: readonly Buffer[]): Promise<void> {
    let at = size;
    for (const buffer of buffers.length > 64 ? [Buffer.concat(buffers)] : buffers) {
      for (let done = 0; done < buffer.length; ) {
        const { bytesWritten } = await (file as FileHandle).write(buffer, done, buffer.length - done, at);
        done += bytesWritten;
        at += bytesWritten;
      }
    }
  }

  return {
    async open() {
      if (config.create_directory) {
        await mkdir(dirname(path), {
          recursive: true,
          mode: Number.parseInt(config.directory_permissions ?? "755", 8),
        });
      }
      await openFile(config.append || rotation !== undefined);
    },
    write(record) {
      if (closed) return Promise.reject(retryable("the file is closed", { reason: "shutdown" }));
      return new Promise((resolve, reject) => {
        waiting.push({ record, bytes: record.reduce((sum, { length }) => sum + length, 0), resolve, reject });
        writing ??= Promise.resolve().then(drain);
      });
    },
    async close() {
      closed = true;
      await writing;
      await file?.close();
      file = undefined;
    },
  };
}

/** A full disk may have room again, as may a broken mount. */
export function refused(cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT";
  return retryable(full ? "no room on the disk" : `the file can't be written: ${code ?? message}`, {
    reason: full ? "disk_full" : "file_error",
    cause,
  });
}
