import { invalid, TooLargeError } from "./invalid.js";
import { JfrCursor, type JfrLong, type StringReference } from "./jfr-cursor.js";
import { type JfrClass, type JfrField, readMetadata } from "./jfr-metadata.js";

/*
 * A chunk: "FLR\0", version, size, offsets of constant pools and metadata, start and duration (ns), start in ticks, ticks
 * a second, flags (1 = compressed integers); then events, each with its size and type. Type 0 is metadata, type 1 a
 * checkpoint: startTime, duration, delta, kind, pools (class, entries (key, value)).
 */

export type JfrValue = JfrLong | string | StringReference | undefined | JfrValue[];

const headerBytes = 68;
const maxStructDepth = 8;
/** Values of constants that are kept, of one chunk; a stack trace is one. */
const maxKeptValues = 8_000_000;
const metadataType = 0;
const checkpointType = 1;
const stackTraceClass = "jdk.types.StackTrace";
/** Constant pools that stacks and labels need beside the stack traces; others are read over. */
const wantedPools: ReadonlySet<string> = new Set([
  "jdk.types.Method",
  "jdk.types.Symbol",
  "jdk.types.FrameType",
  "jdk.types.ThreadState",
  "java.lang.Class",
  "java.lang.String",
]);

export interface JfrEvent {
  readonly type: JfrClass;
  /** Values of the fields, in the order of the class. */
  readonly values: readonly JfrValue[];
}

/** One chunk of a recording: its types and constants, and its events one by one. */
export class JfrChunk {
  readonly startNano: bigint;
  readonly durationNano: bigint;
  readonly ticksPerSecond: bigint;
  /** Where the next chunk begins. */
  readonly end: number;
  private readonly buf: Buffer;
  private readonly start: number;
  /** Values that may still be read: classes can be nested so that they take no bytes but much time. */
  private budget: number;
  private room = maxKeptValues;
  private classes = new Map<JfrLong, JfrClass>();
  private readonly pools = new Map<string, Map<JfrLong, JfrValue>>();
  /** Where each stack trace stands: most of a recording, and much of it is never asked for. */
  private readonly stackTraces = new Map<JfrLong, number>();

  constructor(buf: Buffer, start: number) {
    if (buf.length - start < headerBytes) throw invalid("jfr", "ends inside of a chunk's header");
    if (buf.readUInt32BE(start) !== 0x464c5200) throw invalid("jfr", "no chunk where one should begin");
    const major = buf.readUInt16BE(start + 4);
    if (major !== 1 && major !== 2) throw invalid("jfr", `version ${major} (1 and 2 are understood)`);
    const size = buf.readBigUInt64BE(start + 8);
    if (size < headerBytes || size > buf.length - start) throw invalid("jfr", "a chunk longer than the file");
    if ((buf[start + 67] & 1) === 0) throw invalid("jfr", "integers that are not compressed");
    this.buf = buf;
    this.start = start + headerBytes;
    this.end = start + Number(size);
    this.budget = 10_000 + 4 * Number(size);
    this.startNano = buf.readBigInt64BE(start + 32);
    this.durationNano = buf.readBigInt64BE(start + 40);
    this.ticksPerSecond = buf.readBigInt64BE(start + 56);
    if (this.ticksPerSecond <= 0n) throw invalid("jfr", "a chunk without a clock");
    this.walk(metadataType, (cursor) => {
      this.classes = readMetadata(cursor);
    });
    this.walk(checkpointType, (cursor) => this.readCheckpoint(cursor));
  }

  /** Calls `visit` with a cursor behind size and type of each event of this type. */
  private walk(type: number, visit: (cursor: JfrCursor) => void): void {
    this.each((found, cursor) => {
      if (found === type) visit(cursor);
    });
  }

  /** The cursor is one for all events. */
  private each(visit: (type: JfrLong, cursor: JfrCursor) => void): void {
    const cursor = new JfrCursor(this.buf, this.start, this.end);
    for (let p = this.start; p < this.end; ) {
      cursor.pos = p;
      cursor.end = this.end;
      const size = cursor.size();
      if (size < cursor.pos - p + 1 || size > this.end - p) throw invalid("jfr", "an event longer than its chunk");
      cursor.end = p + size;
      visit(cursor.long(), cursor);
      p += size;
    }
  }

  /** Calls `visit` with each event whose type has one of these names. */
  events(names: ReadonlySet<string>, visit: (event: JfrEvent) => void): void {
    this.each((id, cursor) => {
      if (id === metadataType || id === checkpointType) return;
      const type = this.classes.get(id);
      if (!type) throw invalid("jfr", `an event of unknown type ${id}`);
      if (names.has(type.name)) visit({ type, values: this.readFields(cursor, type, 0) });
    });
  }

  /** A constant of a pool; undefined where there is none. */
  constant(pool: string, id: JfrValue): JfrValue {
    return this.pools.get(pool)?.get(id as JfrLong);
  }

  text(value: JfrValue): string {
    if (typeof value === "string") return value;
    if (typeof value !== "object" || Array.isArray(value)) return "";
    const found = this.constant("java.lang.String", value.pool);
    return typeof found === "string" ? found : "";
  }

  /** Position of a field in a class by name, or -1; for pool classes that events refer to. */
  fieldOf(className: string, field: string): number {
    return this.classNamed(className)?.fields.findIndex((each) => each.name === field) ?? -1;
  }

  private classNamed(className: string): JfrClass | undefined {
    for (const known of this.classes.values()) if (known.name === className) return known;
    return undefined;
  }

  /** The class of a field; throws where there is none. */
  classOf(id: JfrLong): JfrClass {
    const found = this.classes.get(id);
    if (!found) throw invalid("jfr", `a value of unknown class ${id}`);
    return found;
  }

  /** Fields of stack traces, as `stackTrace` gives them. */
  get stackTraceFields(): readonly JfrField[] {
    return this.classNamed(stackTraceClass)?.fields ?? [];
  }

  /** A cursor at the fields of a stack trace; undefined where there is none. */
  stackTrace(id: JfrLong): JfrCursor | undefined {
    const at = this.stackTraces.get(id);
    return at === undefined ? undefined : new JfrCursor(this.buf, at, this.end);
  }

  private readCheckpoint(cursor: JfrCursor): void {
    for (let i = 0; i < 3; i++) cursor.long();
    cursor.byte();
    for (let pools = cursor.count(); pools > 0; pools--) {
      const type = this.classOf(cursor.long());
      if (type.name === stackTraceClass) this.noteStackTraces(cursor, type);
      else if (wantedPools.has(type.name)) this.readPool(cursor, type);
      else
        for (let entries = cursor.count(); entries > 0; entries--) {
          cursor.skipLong();
          this.skipOne(cursor, type, false, 0);
        }
    }
  }

  private noteStackTraces(cursor: JfrCursor, type: JfrClass): void {
    for (let entries = cursor.count(); entries > 0; entries--) {
      const key = cursor.long();
      this.keep(1);
      this.stackTraces.set(key, cursor.pos);
      this.skipOne(cursor, type, false, 0);
    }
  }

  private readPool(cursor: JfrCursor, type: JfrClass): void {
    let pool = this.pools.get(type.name);
    if (!pool) {
      pool = new Map();
      this.pools.set(type.name, pool);
    }
    for (let entries = cursor.count(); entries > 0; entries--) {
      const key = cursor.long();
      const budget = this.budget;
      pool.set(key, this.readOne(cursor, type, false, 0));
      this.keep(budget - this.budget);
    }
  }

  private keep(values: number): void {
    this.room -= values;
    if (this.room < 0) throw new TooLargeError(`jfr: more than ${maxKeptValues} values in the constants of a chunk`);
  }

  private readFields(cursor: JfrCursor, { fields }: JfrClass, depth: number): JfrValue[] {
    checkDepth(depth);
    const values = new Array<JfrValue>(fields.length);
    for (let i = 0; i < fields.length; i++) values[i] = this.readField(cursor, fields[i], depth);
    return values;
  }

  private readField(cursor: JfrCursor, field: JfrField, depth: number): JfrValue {
    const type = this.classOf(field.classId);
    if (!field.isArray) return this.readOne(cursor, type, field.inPool, depth);
    const list: JfrValue[] = [];
    for (let n = cursor.count(); n > 0; n--) list.push(this.readOne(cursor, type, field.inPool, depth));
    return list;
  }

  private readOne(cursor: JfrCursor, type: JfrClass, inPool: boolean, depth: number): JfrValue {
    this.spend();
    if (inPool) return cursor.long();
    switch (type.form) {
      case "byte":
        return cursor.byte();
      case "long":
        return cursor.long();
      case "string":
        return cursor.string();
      case "fields":
        return this.readFields(cursor, type, depth + 1);
      default:
        cursor.skip(type.form === "float" ? 4 : 8);
        return undefined;
    }
  }

  skipField(cursor: JfrCursor, { classId, inPool, isArray }: JfrField, depth = 0): void {
    const type = this.classOf(classId);
    for (let n = isArray ? cursor.count() : 1; n > 0; n--) this.skipOne(cursor, type, inPool, depth);
  }

  private skipOne(cursor: JfrCursor, type: JfrClass, inPool: boolean, depth: number): void {
    this.spend();
    if (inPool || type.form === "long") cursor.skipLong();
    else if (type.form === "byte") cursor.skip(1);
    else if (type.form === "string") cursor.skipString();
    else if (type.form !== "fields") cursor.skip(type.form === "float" ? 4 : 8);
    else {
      checkDepth(depth + 1);
      for (const field of type.fields) this.skipField(cursor, field, depth + 1);
    }
  }

  private spend(): void {
    if (--this.budget < 0) throw invalid("jfr", "classes that say more than their bytes");
  }
}

function checkDepth(depth: number): void {
  if (depth > maxStructDepth) throw invalid("jfr", "values are nested too deep");
}
