import { type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { ProfilesBuilder } from "../pdata/builder.js";
import { TooLargeError } from "./invalid.js";
import type { JfrChunk, JfrValue } from "./jfr-chunk.js";
import type { JfrLong } from "./jfr-cursor.js";

/*
 * StackTrace { frames: [StackFrame { method, lineNumber, type }] }, innermost first; Method { type (Class), name };
 * Class { name }; names are Symbol { string }. Positions of fields differ between versions.
 */

const maxFrames = 16_000_000;
const jvmFrames: ReadonlySet<string> = new Set(["Interpreted", "JIT compiled", "Inlined", "C1 compiled"]);

/** Where the fields of stacks are in this chunk's classes. */
interface Layout {
  readonly frames: number;
  readonly method: number;
  readonly line: number;
  readonly type: number;
  readonly owner: number;
  readonly name: number;
  readonly className: number;
  readonly symbol: number;
  readonly description: number;
}

/** The stacks of one chunk as entries of the dictionary being built. */
export class JfrStacks {
  private readonly chunk: JfrChunk;
  private readonly builder: ProfilesBuilder;
  private readonly layout: Layout;
  private readonly stacks = new Map<JfrLong, number>();
  private readonly locations = new Map<string, number>();
  private frames = 0;

  constructor(chunk: JfrChunk, builder: ProfilesBuilder) {
    this.chunk = chunk;
    this.builder = builder;
    this.layout = {
      frames: chunk.fieldOf("jdk.types.StackTrace", "frames"),
      method: chunk.fieldOf("jdk.types.StackFrame", "method"),
      line: chunk.fieldOf("jdk.types.StackFrame", "lineNumber"),
      type: chunk.fieldOf("jdk.types.StackFrame", "type"),
      owner: chunk.fieldOf("jdk.types.Method", "type"),
      name: chunk.fieldOf("jdk.types.Method", "name"),
      className: chunk.fieldOf("java.lang.Class", "name"),
      symbol: chunk.fieldOf("jdk.types.Symbol", "string"),
      description: chunk.fieldOf("jdk.types.FrameType", "description"),
    };
  }

  /** Index of the stack that an event refers to; 0 where there is none. */
  stack(id: JfrValue): number {
    if (typeof id !== "number" && typeof id !== "bigint") return 0;
    let stack = this.stacks.get(id);
    if (stack === undefined) {
      stack = this.read(id);
      this.stacks.set(id, stack);
    }
    return stack;
  }

  private read(id: JfrLong): number {
    const frames = part(this.chunk.constant("jdk.types.StackTrace", id), this.layout.frames);
    if (!Array.isArray(frames)) return 0;
    this.frames += frames.length;
    if (this.frames > maxFrames) throw new TooLargeError(`jfr: more than ${maxFrames} frames in all stacks together`);
    return this.builder.stack(frames.map((frame) => this.location(frame)));
  }

  private location(frame: JfrValue): number {
    const method = part(frame, this.layout.method);
    const lineValue = part(frame, this.layout.line);
    const type = part(frame, this.layout.type);
    const line = typeof lineValue === "number" && lineValue > 0 ? lineValue : 0;
    const key = `${method} ${line} ${type}`;
    let location = this.locations.get(key);
    if (location === undefined) {
      const { builder } = this;
      const name = builder.string(this.methodName(method));
      const attributes = this.frameType(type).map((attribute) => builder.attribute(attribute));
      location = builder.location({ lines: [{ function: builder.function(name, name), line }], attributes });
      this.locations.set(key, location);
    }
    return location;
  }

  /** `java/lang/Thread.run`, as Pyroscope shows it; native functions have no class. */
  private methodName(id: JfrValue): string {
    const { chunk, layout } = this;
    const method = chunk.constant("jdk.types.Method", id);
    const owner = chunk.constant("java.lang.Class", part(method, layout.owner));
    const className = this.symbol(part(owner, layout.className));
    const name = this.symbol(part(method, layout.name)) || "unknown";
    return className === "" ? name : `${className}.${name}`;
  }

  private symbol(id: JfrValue): string {
    return this.chunk.text(part(this.chunk.constant("jdk.types.Symbol", id), this.layout.symbol));
  }

  private frameType(id: JfrValue): KeyValue[] {
    const type = this.chunk.text(part(this.chunk.constant("jdk.types.FrameType", id), this.layout.description));
    if (type === "") return [];
    const known = jvmFrames.has(type) ? "jvm" : type === "Kernel" ? "kernel" : "native";
    return [keyValue("profile.frame.type", stringValue(known))];
  }
}

function part(struct: JfrValue, at: number): JfrValue {
  return Array.isArray(struct) && at >= 0 ? struct[at] : undefined;
}
