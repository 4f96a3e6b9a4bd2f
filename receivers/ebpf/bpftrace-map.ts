import { escaped, escapedOnce, plainNewline, readPlainMap, unescaped } from "./bpftrace-text.js";
import type { MapKeyPart } from "./config.js";
import { type FrameText, parseBpftraceFrame } from "./frame-text.js";
import { type ProcessSamples, type Thread, threadOf } from "./interval-batch.js";
import { ParsedTexts } from "./parsed-texts.js";
import type { StreamFault, StreamParser } from "./stream-parser.js";

/*
 * `bpftrace -f json` writes an event a line; of a printed map `{"type": "map", "data": {"@": {KEY: COUNT, …}}}`. A key of
 * several parts is one text, the parts joined by commas: `29563,python3,STACK,STACK`. A stack is a newline and then its
 * frames, each ending with a newline; one without frames is a newline, too, or nothing (0.17). Names may hold commas, so
 * that a key is read from both ends. 0.27 takes all blanks out of a key.
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

/** What a key says before its stacks. */
interface Head {
  /** 0 where it doesn't say. */
  readonly pid: number;
  readonly thread: Thread;
}

export class BpftraceMapParser implements StreamParser {
  private readonly sink: MapSink;
  private readonly scalars: readonly MapKeyPart[];
  private readonly stacks: readonly MapKeyPart[];
  private readonly pattern: RegExp;
  /** Frames of the key at hand as they stand in the line, and which stack each is of; used again for every key. */
  private readonly frames: string[] = [];
  private readonly stackOf: number[] = [];
  private frameCount = 0;
  /** Its locations, used again likewise. */
  private readonly locations: number[] = [];
  /** null for what isn't as `mapKey` says. */
  private readonly heads = new ParsedTexts((text) => this.head(unescaped(text)));

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
    const text = escapedOnce(bytes.toString());
    const map = readPlainMap(text);
    if (map) {
      for (let i = 0; i < map.keys.length; i++) this.entry(map.keys[i].split(plainNewline), map.counts[i]);
      return;
    }
    const event = parseJson(text);
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
      else for (const key in content) this.entry(key.split("\n").map(escaped), content[key]);
    }
  }

  /** `parts` are the lines of a key, escaped. */
  private entry(parts: readonly string[], count: unknown): void {
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) {
      this.sink.fault("invalid", "an entry of a map that is no count");
      return;
    }
    const text = this.scan(parts);
    const head = text === undefined ? null : this.heads.of(text);
    if (!head) this.sink.fault("invalid", `the key of a map isn't ${[...this.scalars, ...this.stacks].join(",")}`);
    else if (count > 0) this.add(head, count);
  }

  /** Finds the frames of a key; returns what stands before the stacks, a comma at its end. */
  private scan(parts: readonly string[]): string | undefined {
    const { frames, stackOf } = this;
    let count = 0;
    let stack = 0;
    // Behind the newline that ends the last frame is nothing.
    const end = parts.length > 1 && parts[parts.length - 1] === "" ? parts.length - 1 : parts.length;
    for (let i = 1; i < end; i++) {
      const part = parts[i];
      if (part === "") return undefined;
      if (onlyCommas.test(part)) stack += part.length;
      else {
        frames[count] = part;
        stackOf[count++] = stack;
      }
    }
    // Empty stacks in front of the first one that isn't are commas of the first line.
    const missing = this.stacks.length - 1 - stack;
    if (missing < 0) return undefined;
    let [head] = parts;
    for (let i = 0; i < missing; i++) {
      if (!head.endsWith(",")) return undefined;
      head = head.slice(0, -1);
    }
    for (let i = 0; i < count; i++) stackOf[i] += missing;
    this.frameCount = count;
    return head;
  }

  private head(text: string): Head | null {
    const match = this.pattern.exec(text);
    if (!match) return null;
    const scalar = (part: MapKeyPart) => match[this.scalars.indexOf(part) + 1];
    const number = (part: MapKeyPart, absent: number) => (this.scalars.includes(part) ? Number(scalar(part)) : absent);
    const comm = this.scalars.includes("comm") ? scalar("comm") : "";
    return { pid: number("pid", 0), thread: threadOf(comm, number("tid", -1), number("cpu", -1)) };
  }

  private add({ pid, thread }: Head, count: number): void {
    const samples = this.sink.process(pid, thread.comm, count);
    if (!samples) return;
    const { frames, stackOf, stacks, locations, frameCount } = this;
    let depth = 0;
    for (let i = 0; i < frameCount; i++) {
      if (stacks[stackOf[i]] === "kstack") locations[depth++] = samples.locations.of("kernel", true, frames[i], parse);
    }
    const leafAt = depth;
    for (let i = 0; i < frameCount; i++) {
      if (stacks[stackOf[i]] === "kstack") continue;
      locations[depth] = samples.locations.of("native", depth === leafAt, frames[i], parse);
      depth++;
    }
    samples.add(locations, depth, thread, count);
  }
}

const onlyCommas = /^,+$/;

function parse(part: string): FrameText {
  return parseBpftraceFrame(unescaped(part));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
