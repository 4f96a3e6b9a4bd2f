import {
  isClock,
  isKernel,
  isPerfRecord,
  isSourceLine,
  type PerfHeader,
  parsePerfFrame,
  parsePerfHeader,
} from "../../src/codec/perf-text.js";
import { cpuType } from "../../src/codec/stack-options.js";
import type { FrameText } from "./frame-text.js";
import { type ProcessSamples, type SampledEvent, threadOf } from "./interval-batch.js";
import type { StreamFault, StreamParser } from "./stream-parser.js";

export interface PerfSink {
  /** undefined where the process is not wanted; pid 0 where the text has none. */
  process(pid: number, comm: string, count: number): ProcessSamples | undefined;
  fault(fault: StreamFault, detail: string): void;
}

/** Frames of one event; perf itself cuts stacks at 127 unless told otherwise. */
const maxFrames = 4096;
/** Lines that are longer are no frames and no headers. */
const maxLineBytes = 64 * 1024;

interface OpenEvent {
  readonly header: PerfHeader;
  readonly lines: string[];
}

/** The text of `perf script` as it comes: an event is over at the empty line behind it, or where the next one begins. */
export class PerfStreamParser implements StreamParser {
  private readonly sink: PerfSink;
  private event: OpenEvent | undefined;
  /** Behind a line that is nothing, what belongs to it is left out up to an empty line or the next event. */
  private skipping = false;

  constructor(sink: PerfSink) {
    this.sink = sink;
  }

  line(bytes: Buffer): void {
    if (bytes.length > maxLineBytes) {
      this.skip("too_long", `a line of more than ${maxLineBytes} bytes`);
      return;
    }
    const line = bytes.toString().trimEnd();
    if (line === "") {
      this.finish();
      this.skipping = false;
    } else if (line.startsWith("#") || (this.skipping && /^\s/.test(line))) return;
    else if (/^\s/.test(line) && this.event) this.frame(this.event, line);
    else this.header(line);
  }

  end(unfinished: Buffer | undefined): void {
    if (unfinished || this.event) this.sink.fault("incomplete", "the stream ended within an event");
    this.event = undefined;
  }

  private skip(fault: StreamFault, detail: string): void {
    this.event = undefined;
    this.skipping = true;
    this.sink.fault(fault, detail);
  }

  private header(line: string): void {
    if (isPerfRecord(line) || isSourceLine(line)) return;
    this.finish();
    const header = parsePerfHeader(line);
    if (header) {
      this.skipping = false;
      this.event = { header, lines: [] };
      if (header.isAlone) this.finish();
    } else if (!this.skipping) this.skip("invalid", "a line that is no event");
  }

  private frame({ lines }: OpenEvent, line: string): void {
    if (lines.length === maxFrames) this.skip("too_long", `an event of more than ${maxFrames} frames`);
    else if (parsePerfFrame(line)) lines.push(line.trimStart());
    else if (!isSourceLine(line)) this.skip("invalid", "a line that is no stack frame");
  }

  private finish(): void {
    const { event } = this;
    if (!event) return;
    this.event = undefined;
    const { comm, tid, pid, cpu } = event.header;
    // Of `pid/tid` a lone number is the tid, which for most threads of most programs is the pid too.
    const samples = this.sink.process(id(pid === "" ? tid : pid, 0), comm, 1);
    if (!samples) return;
    const thread = threadOf(comm, id(tid, -1), id(cpu, -1));
    const stack = this.stack(samples, event);
    samples.add(stack, stack.length, thread, 1, sampledEvent(event.header));
  }

  private stack({ locations }: ProcessSamples, { header, lines }: OpenEvent): number[] {
    const stack: number[] = [];
    let inlined: string[] = [];
    const { frame } = header;
    const texts = frame ? [`${frame.address} ${frame.symbol} (${frame.module})`, ...lines] : lines;
    for (const text of texts) {
      if (text.endsWith(" (inlined)")) {
        inlined.push(frameOf(text).symbol);
        continue;
      }
      const type = isKernel(text.slice(text.lastIndexOf("(") + 1, -1)) ? "kernel" : "native";
      const above = inlined;
      const key = above.length === 0 ? text : `${above.join("\n")}\n${text}`;
      stack.push(locations.of(type, stack.length === 0, key, () => ({ ...frameOf(text), inlined: above })));
      if (above.length > 0) inlined = [];
    }
    if (inlined.length > 0) {
      stack.push(locations.of("native", true, inlined.join("\n"), () => ({ ...nameless, inlined })));
    }
    return stack;
  }
}

const nameless: FrameText = { address: undefined, symbol: "", module: "" };

function frameOf(text: string): FrameText {
  const frame = parsePerfFrame(text);
  if (!frame) return nameless;
  const known = (name: string) => (name === "[unknown]" ? "" : name);
  return {
    address: BigInt.asUintN(64, BigInt(`0x${frame.address.slice(-16)}`)),
    symbol: known(frame.symbol),
    module: known(frame.module),
  };
}

function sampledEvent({ event, period }: PerfHeader): SampledEvent {
  return {
    name: event,
    periodType: isClock(event) ? cpuType : { type: event, unit: "count" },
    period: period === "" ? 0n : BigInt(period),
  };
}

/** A number that the text has; `absent` where it has none or one past 31 bits. */
function id(text: string, absent: number): number {
  const value = Number(text);
  return text === "" || !(value >= 0 && value < 2 ** 31) ? absent : value;
}
