import { type KeyValue, keyValue, stringValue } from "../pdata/any-value.js";
import type { DictionaryBuilder } from "../pdata/builder.js";
import { TooLargeError } from "./invalid.js";
import type { JfrChunk, JfrValue } from "./jfr-chunk.js";
import type { JfrCursor, JfrLong } from "./jfr-cursor.js";
import type { JfrField } from "./jfr-metadata.js";
import { lastingName } from "./jfr-names.js";

/*
 * StackTrace { frames: [StackFrame { method, lineNumber, type }] }, innermost first; Method { type (Class), name };
 * Class { name }; names are Symbol { string }. Positions of fields differ between versions.
 */

const maxFrames = 16_000_000;
const maxTypes = 256;
const jvmFrames: ReadonlySet<string> = new Set(["Interpreted", "JIT compiled", "Inlined", "C1 compiled"]);

/** Where the fields of methods and types are in this chunk's classes. */
interface Layout {
  readonly owner: number;
  readonly name: number;
  readonly className: number;
  readonly symbol: number;
  readonly description: number;
}

type FrameRole = "method" | "line" | "type" | "long" | "other";

/** The stacks of one chunk as entries of the dictionary being built. */
export class JfrStacks {
  private readonly chunk: JfrChunk;
  private readonly builder: DictionaryBuilder;
  private readonly layout: Layout;
  private readonly traceFields: readonly JfrField[];
  /** What the fields of a frame are; a chunk has one class of frames. */
  private roles: readonly FrameRole[] | undefined;
  private readonly stacks = new Map<JfrLong, number>();
  /** By method, then by what `lineKey` makes of line and type. */
  private readonly locations = new Map<JfrLong, Map<number, number>>();
  private frames = 0;

  constructor(chunk: JfrChunk, builder: DictionaryBuilder) {
    this.chunk = chunk;
    this.builder = builder;
    this.traceFields = chunk.stackTraceFields;
    this.layout = {
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
    const cursor = this.chunk.stackTrace(id);
    if (!cursor) return 0;
    const locations: number[] = [];
    for (const field of this.traceFields) {
      if (field.name === "frames" && field.isArray && !field.inPool) this.readFrames(cursor, field, locations);
      else this.chunk.skipField(cursor, field);
    }
    return this.builder.stack(locations);
  }

  private readFrames(cursor: JfrCursor, { classId }: JfrField, locations: number[]): void {
    const { fields } = this.chunk.classOf(classId);
    this.roles ??= fields.map((field) => this.roleOf(field));
    const count = cursor.count();
    this.frames += count;
    if (this.frames > maxFrames) throw new TooLargeError(`jfr: more than ${maxFrames} frames in all stacks together`);
    for (let i = 0; i < count; i++) locations.push(this.readFrame(cursor, fields, this.roles));
  }

  private readFrame(cursor: JfrCursor, fields: readonly JfrField[], roles: readonly FrameRole[]): number {
    let method: JfrLong = 0;
    let line: JfrLong = 0;
    let type: JfrLong = 0;
    for (let i = 0; i < roles.length; i++) {
      const role = roles[i];
      if (role === "method") method = cursor.long();
      else if (role === "line") line = cursor.long();
      else if (role === "type") type = cursor.long();
      else if (role === "long") cursor.skipLong();
      else this.chunk.skipField(cursor, fields[i]);
    }
    return this.location(method, typeof line === "number" && line > 0 ? line : 0, type);
  }

  private roleOf({ name, isArray, inPool, classId }: JfrField): FrameRole {
    if (isArray || (!inPool && this.chunk.classOf(classId).form !== "long")) return "other";
    if (name === "method" || name === "type") return name;
    return name === "lineNumber" ? "line" : "long";
  }

  private location(method: JfrLong, line: number, type: JfrLong): number {
    let lines = this.locations.get(method);
    if (!lines) {
      lines = new Map();
      this.locations.set(method, lines);
    }
    const key = lineKey(line, type);
    let location = lines.get(key);
    if (location === undefined) {
      const { builder } = this;
      const name = builder.string(this.methodName(method));
      const attributes = this.frameType(type).map((attribute) => builder.attribute(attribute));
      location = builder.location({ lines: [{ function: builder.function(name, name), line }], attributes });
      lines.set(key, location);
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
    return lastingName(this.chunk.text(part(this.chunk.constant("jdk.types.Symbol", id), this.layout.symbol)));
  }

  private frameType(id: JfrValue): KeyValue[] {
    const type = this.chunk.text(part(this.chunk.constant("jdk.types.FrameType", id), this.layout.description));
    if (type === "") return [];
    const known = jvmFrames.has(type) ? "jvm" : type === "Kernel" ? "kernel" : "native";
    return [keyValue("profile.frame.type", stringValue(known))];
  }
}

/** Unique for lines below 2^45 and types below `maxTypes`: recordings have a dozen types, whatever is past them is one. */
function lineKey(line: number, type: JfrLong): number {
  return line * maxTypes + (typeof type === "number" && type >= 0 && type < maxTypes ? type : maxTypes - 1);
}

function part(struct: JfrValue, at: number): JfrValue {
  return Array.isArray(struct) && at >= 0 ? struct[at] : undefined;
}
