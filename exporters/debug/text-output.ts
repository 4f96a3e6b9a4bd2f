import { createWriteStream } from "node:fs";
import type { Logger } from "../../src/telemetry/log.js";

/** A stream that reads slower than this is behind: what comes meanwhile is skipped. */
const maxWaitingBytes = 4 * 1024 * 1024;

/** A stream to write text to; `process.stdout` fits. */
export interface TextStream {
  write(text: string): unknown;
  readonly writableLength: number;
  on(event: "error", listener: (error: Error) => void): unknown;
  /** Set on what belongs to the exporter (files): writes what is left and closes. */
  readonly close?: () => Promise<void>;
}

export interface TextOutput {
  /** Writes, unless the reader is gone or too far behind. Pieces come as they are needed. */
  write(pieces: Iterable<string>): void;
  /** Resolves when files hold everything that was written. */
  close(): Promise<void>;
}

/** Output to every stream; a reader that went away (`flamepipe | head`) or stalls costs its output, never the pipeline. */
export function createTextOutput(streams: readonly TextStream[], log: Logger): TextOutput {
  const open = new Set(streams);
  let skipped = 0;
  for (const stream of streams) {
    stream.on("error", (error) => {
      if (!open.delete(stream)) return;
      log.warn("Debug output can no longer be written.", { error });
    });
  }

  function isBehind(stream: TextStream): boolean {
    return stream.writableLength > maxWaitingBytes;
  }

  return {
    write(pieces) {
      const ready = [...open].filter((stream) => !isBehind(stream));
      if (ready.length === 0) {
        if (open.size > 0 && skipped++ === 0) log.warn("Debug output is not read fast enough; some of it is skipped.");
        return;
      }
      for (const piece of pieces) {
        for (const stream of ready) stream.write(piece);
        if (ready.every(isBehind)) {
          for (const stream of ready) stream.write("… (the rest is skipped: output is not read fast enough)\n");
          break;
        }
      }
      if (skipped > 0) {
        log.info("Debug output is read again.", { skipped_writes: skipped });
        skipped = 0;
      }
    },
    async close() {
      await Promise.all([...open].map((stream) => stream.close?.()));
    },
  };
}

/** stdout, stderr, or a file that is appended to; rejects where it can't be opened. */
export async function openTextStream(path: string): Promise<TextStream> {
  if (path === "stdout") return process.stdout;
  if (path === "stderr") return process.stderr;
  const stream = createWriteStream(path, { flags: "a" });
  await new Promise<void>((resolve, reject) => {
    stream.once("open", () => resolve());
    stream.once("error", (error) => reject(new Error(`cannot open output path: ${error.message}`)));
  });
  const close = () => new Promise<void>((resolve) => stream.end(resolve));
  return {
    write: (text) => stream.write(text),
    get writableLength() {
      return stream.writableLength;
    },
    on: (event, listener) => stream.on(event, listener),
    close,
  };
}
