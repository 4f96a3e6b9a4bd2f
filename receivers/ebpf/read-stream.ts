import type { Readable } from "node:stream";
import { LineSplitter } from "../../src/files/line-splitter.js";
import { BpftraceMapParser } from "./bpftrace-map.js";
import type { StreamConfig } from "./config.js";
import { FoldedStreamParser } from "./folded-stream.js";
import type { Intake } from "./intake.js";
import { PerfStreamParser } from "./perf-stream.js";
import type { StreamParser } from "./stream-parser.js";

export function createParser(
  { format, map_key }: Pick<StreamConfig, "format" | "map_key">,
  intake: Intake,
): StreamParser {
  if (format === "bpftrace_json") return new BpftraceMapParser(map_key, intake);
  return format === "folded" ? new FoldedStreamParser(intake) : new PerfStreamParser(intake);
}

/**
 * Reads a stream to its end, no faster than the pipeline takes what is in it. Never rejects: a stream that breaks off is
 * over.
 */
export async function readStream(
  stream: Readable,
  parser: StreamParser,
  maxLineBytes: number,
  intake: Pick<Intake, "fault" | "ready">,
): Promise<void> {
  const lines = new LineSplitter(maxLineBytes, () => {
    intake.fault("too_long", `a line of more than ${maxLineBytes} bytes`);
  });
  try {
    for await (const chunk of stream) {
      for (const line of lines.push(chunk as Buffer)) parser.line(line);
      await intake.ready();
    }
  } catch (caught) {
    // Reset or destroyed: the rest won't come. Anything else is a fault of ours, which must not pass unseen.
    const { code, message } = caught as NodeJS.ErrnoException;
    if (code === undefined) intake.fault("invalid", message);
  }
  parser.end(lines.unfinished());
}
