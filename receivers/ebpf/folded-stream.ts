import { isUtf8 } from "node:buffer";
import type { FrameText } from "./frame-text.js";
import { type ProcessSamples, threadOf } from "./interval-batch.js";
import type { StreamFault, StreamParser } from "./stream-parser.js";

/*
 * `comm;outer;inner 12`, as stackcollapse scripts and BCC's `profile -f` write: the process first, as comm, comm-PID or
 * comm-PID/TID, then its frames, outermost first. `_[k]` behind a name marks the kernel's; a frame `-` divides the
 * kernel's from the others.
 */

export interface FoldedSink {
  /** undefined where the process is not wanted; pid 0 where the line has none. */
  process(pid: number, comm: string, count: number): ProcessSamples | undefined;
  fault(fault: StreamFault, detail: string): void;
}

const ids = /^(.*?)-(\d{1,10}|\?)(?:\/(\d{1,10}))?$/;

export class FoldedStreamParser implements StreamParser {
  private readonly sink: FoldedSink;

  constructor(sink: FoldedSink) {
    this.sink = sink;
  }

  line(bytes: Buffer): void {
    if (!isUtf8(bytes)) {
      this.sink.fault("invalid", "a line that is no UTF-8");
      return;
    }
    const text = bytes.toString().trimEnd();
    if (text === "" || text.startsWith("#")) return;
    const space = text.lastIndexOf(" ");
    const count = /^\d{1,15}$/.test(text.slice(space + 1)) ? Number(text.slice(space + 1)) : -1;
    if (space < 1 || count < 0) {
      this.sink.fault("invalid", "a line that doesn't end with a space and a whole number");
      return;
    }
    const [process, ...frames] = text.slice(0, space).trimEnd().split(";");
    if (count > 0) this.add(process, frames, count);
  }

  end(unfinished: Buffer | undefined): void {
    if (unfinished) this.sink.fault("incomplete", "the stream ended within a line");
  }

  private add(process: string, frames: readonly string[], count: number): void {
    const match = ids.exec(process);
    const comm = match ? match[1] : process;
    const pid = match && match[2] !== "?" ? Number(match[2]) : 0;
    const samples = this.sink.process(pid, comm, count);
    if (!samples) return;
    const stack: number[] = [];
    let inKernel = false;
    for (const frame of frames) {
      if (frame === "-") inKernel = true;
      if (frame === "" || frame === "-") continue;
      const type = inKernel || frame.endsWith("_[k]") ? "kernel" : "native";
      stack.push(samples.locations.of(type, true, frame, parseName));
    }
    const tid = match?.[3] === undefined ? -1 : Number(match[3]);
    samples.add(stack.reverse(), stack.length, threadOf(comm, tid, -1), count);
  }
}

/** `[module]` stands for a function that isn't known; it is all that can be shown. */
function parseName(text: string): FrameText {
  return { address: undefined, symbol: text.replace(/_\[[kij]\]$/, ""), module: "" };
}
