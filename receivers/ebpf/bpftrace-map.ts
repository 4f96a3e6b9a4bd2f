import type { MapKeyPart } from "./config.js";
import { parseBpftraceFrame } from "./frame-text.js";
import type { ProcessSamples, Thread } from "./interval-batch.js";
import type { StreamFault, StreamParser } from "./stream-parser.js";

/*
 * `bpftrace -f json` writes an event a line; of a printed map `{"type": "map", "data": {"@": {KEY: COUNT, …}}}`. A key of
 * several parts is one text, the parts joined by commas: `29563,python3,STACK,STACK`. A stack is nothing, or a newline and
 * then its frames, each beginning with a blank and ending with a newline. Names may hold commas, so that a key is read
 * from both ends.
 */

export interface MapSink {
  /** undefined where the process is not wanted; `count` is then counted as filtered. */
  process(pid: number, comm: string, count: number): ProcessSamples | undefined;
  fault(fault: StreamFault, detail: string): void;
  /** bpftrace says that it lost events. */
  lostEvents(count: number): void;
  /** A map that is one number, such as a total. */
  total?(map: string, value: number): void;
}

interface Key {
  readonly pid: number;
  readonly thread: Thread;
  readonly kernel: readonly string[];
  readonly user: readonly string[];
}

const noFrames: readonly string[] = [];

export class BpftraceMapParser implements StreamParser {
  private readonly sink: MapSink;
  private readonly scalars: readonly MapKeyPart[];
  private readonly stacks: readonly MapKeyPart[];
  private readonly pattern: RegExp;

  constructor(mapKey: readonly MapKeyPart[], sink: MapSink) {
    this.sink = sink;
    this.scalars = mapKey.filter((part) => part !== "kstack" && part !== "ustack");
    this.stacks = mapKey.filter((part) => part === "kstack" || part === "ustack");
    const source = this.scalars.map((part) => (part === "comm" ? "([^\\n]{0,64}?)," : "(\\d{1,15}),")).join("");
    this.pattern = new RegExp(`^${source}$`);
  }

  line(bytes: Buffer): void {
    // Blank lines stand between events.
    if (bytes.length === 0) return;
    const event = parseJson(bytes);
    if (!isObject(event) || typeof event.type !== "string") {
      this.sink.fault("invalid", "a line that is no JSON event of bpftrace");
      return;
    }
    if (event.type === "lost_events") this.lost(event.data);
    else if (event.type === "map") this.maps(event.data);
  }

  end(unfinished: Buffer | undefined): void {
    if (unfinished) this.sink.fault("incomplete", "the stream ended within a line");
  }

  private lost(data: unknown): void {
    const events = isObject(data) ? Number(data.events) : 0;
    if (Number.isSafeInteger(events) && events > 0) this.sink.lostEvents(events);
  }

  private maps(data: unknown): void {
    if (!isObject(data)) {
      this.sink.fault("invalid", "an event of type map without a map");
      return;
    }
    for (const [name, content] of Object.entries(data)) {
      if (typeof content === "number") this.sink.total?.(name, content);
      else if (!isObject(content)) this.sink.fault("invalid", "a map without entries");
      else for (const key in content) this.entry(key, content[key]);
    }
  }

  private entry(text: string, count: unknown): void {
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) {
      this.sink.fault("invalid", "an entry of a map that is no count");
      return;
    }
    const key = this.parseKey(text);
    if (!key) this.sink.fault("invalid", `the key of a map isn't ${[...this.scalars, ...this.stacks].join(",")}`);
    else if (count > 0) this.add(key, count);
  }

  private add({ pid, thread, kernel, user }: Key, count: number): void {
    const samples = this.sink.process(pid, thread.comm, count);
    if (!samples) return;
    const { locations } = samples;
    const stack = kernel.map((line) => locations.of("kernel", true, line, parseBpftraceFrame));
    for (const [i, line] of user.entries()) stack.push(locations.of("native", i === 0, line, parseBpftraceFrame));
    samples.add(stack, thread, count);
  }

  private parseKey(text: string): Key | undefined {
    const lines = text.split("\n");
    // An empty line stands behind the last frame.
    if (lines.length > 1 && lines.at(-1) === "") lines.pop();
    const blocks: string[][] = [];
    let head = lines[0];
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i];
      if (line.startsWith("\t") || line.startsWith(" ")) {
        if (blocks.length === 0) blocks.push([]);
        blocks[blocks.length - 1].push(line);
      } else if (/^,+$/.test(line) && blocks.length > 0) {
        for (let comma = 0; comma < line.length; comma++) blocks.push([]);
      } else return undefined;
    }
    // Empty stacks in front of the first one that isn't are commas of the first line.
    for (let missing = this.stacks.length - Math.max(blocks.length, 1); missing > 0; missing--) {
      if (!head.endsWith(",")) return undefined;
      head = head.slice(0, -1);
      blocks.unshift([]);
    }
    if (blocks.length > this.stacks.length) return undefined;
    const match = this.pattern.exec(head);
    return match ? this.keyOf(match, blocks) : undefined;
  }

  private keyOf(match: RegExpExecArray, blocks: readonly string[][]): Key {
    const scalar = (part: MapKeyPart) => match[this.scalars.indexOf(part) + 1];
    const number = (part: MapKeyPart, absent: number) => (this.scalars.includes(part) ? Number(scalar(part)) : absent);
    const frames = (part: MapKeyPart) => blocks[this.stacks.indexOf(part)] ?? noFrames;
    const thread = { comm: scalar("comm") ?? "", tid: number("tid", -1), cpu: number("cpu", -1) };
    return { pid: number("pid", 0), thread, kernel: frames("kstack"), user: frames("ustack") };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
