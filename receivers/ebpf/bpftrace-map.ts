import { PlainEntries, plainMapAt, unescaped } from "./bpftrace-bytes.js";
import type { MapKeyPart } from "./config.js";
import { type FrameText, parseBpftraceFrame } from "./frame-text.js";
import { FrameTexts } from "./frame-texts.js";
import type { ProcessSamples } from "./interval-batch.js";
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

export class BpftraceMapParser implements StreamParser {
  private readonly sink: MapSink;
  private readonly scalars: readonly MapKeyPart[];
  private readonly stacks: readonly MapKeyPart[];
  private readonly pattern: RegExp;
  /** Frames of the key at hand, and which stack each is of. Used again for every key. */
  private readonly frames: FrameText[] = [];
  private readonly stackOf: number[] = [];
  private readonly texts = new FrameTexts((text) => parseBpftraceFrame(unescaped(text)));

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
    const entriesAt = plainMapAt(bytes);
    if (entriesAt >= 0) {
      this.plain(bytes, entriesAt);
      return;
    }
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

  private plain(bytes: Buffer, entriesAt: number): void {
    const { frames, stackOf } = this;
    const entries = new PlainEntries(bytes, entriesAt, this.stacks.length);
    for (let isKey = entries.next(); isKey !== undefined; isKey = entries.next()) {
      frames.length = 0;
      stackOf.length = 0;
      for (let i = 0; i < entries.frames.length; i += 3) {
        frames.push(this.texts.of(bytes, entries.frames[i], entries.frames[i + 1]));
        stackOf.push(entries.frames[i + 2]);
      }
      this.take(isKey ? entries.head : undefined, entries.count);
    }
  }

  private entry(text: string, count: unknown): void {
    if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) {
      this.sink.fault("invalid", "an entry of a map that is no count");
      return;
    }
    this.take(this.scan(text), count);
  }

  /** Books the samples of the key at hand. */
  private take(head: string | undefined, count: number): void {
    const match = head === undefined ? null : this.pattern.exec(head);
    if (!match) this.sink.fault("invalid", `the key of a map isn't ${[...this.scalars, ...this.stacks].join(",")}`);
    else if (count > 0) this.add(match, count);
  }

  /** Finds the frames of a key; returns what stands before the stacks, a comma at its end. */
  private scan(text: string): string | undefined {
    const { frames, stackOf } = this;
    frames.length = 0;
    stackOf.length = 0;
    const firstEnd = text.indexOf("\n");
    let head = firstEnd < 0 ? text : text.slice(0, firstEnd);
    let stack = 0;
    for (let at = head.length + 1; at < text.length; ) {
      const newline = text.indexOf("\n", at);
      const end = newline < 0 ? text.length : newline;
      const first = text.charCodeAt(at);
      if (first === tab || first === space) {
        frames.push(parseBpftraceFrame(text.slice(at, end)));
        stackOf.push(stack);
      } else if (first === comma && isCommas(text, at, end)) stack += end - at;
      else return undefined;
      at = end + 1;
    }
    // Empty stacks in front of the first one that isn't are commas of the first line.
    const missing = this.stacks.length - 1 - stack;
    if (missing < 0) return undefined;
    for (let i = 0; i < missing; i++) {
      if (!head.endsWith(",")) return undefined;
      head = head.slice(0, -1);
    }
    for (let i = 0; i < stackOf.length; i++) stackOf[i] += missing;
    return head;
  }

  private add(match: RegExpExecArray, count: number): void {
    const scalar = (part: MapKeyPart) => match[this.scalars.indexOf(part) + 1];
    const number = (part: MapKeyPart, absent: number) => (this.scalars.includes(part) ? Number(scalar(part)) : absent);
    const comm = this.scalars.includes("comm") ? scalar("comm") : "";
    const samples = this.sink.process(number("pid", 0), comm, count);
    if (!samples) return;
    const kernel: number[] = [];
    const user: number[] = [];
    for (const [i, frame] of this.frames.entries()) {
      if (this.stacks[this.stackOf[i]] === "kstack") kernel.push(samples.locations.of("kernel", true, frame, asIs));
      else user.push(samples.locations.of("native", user.length === 0, frame, asIs));
    }
    const thread = { comm, tid: number("tid", -1), cpu: number("cpu", -1) };
    samples.add(kernel.length === 0 ? user : kernel.concat(user), thread, count);
  }
}

const asIs = (frame: FrameText): FrameText => frame;

const tab = 0x09;
const space = 0x20;
const comma = 0x2c;

function isCommas(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) !== comma) return false;
  return true;
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
