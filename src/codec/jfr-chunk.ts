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
/** Values of constants that are kept, of one chunk: 1.6 million frames. */
const maxKeptValues = 8_000_000;
const metadataType = 0;
const checkpointType = 1;
/** Constant pools that stacks and labels need; others are read over. */
const wantedPools: ReadonlySet<string> = new Set([
  "jdk.types.StackTrace",
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

  private each(visit: (type: JfrLong, cursor: JfrCursor) => void): void {
    for (let p = this.start; p < this.end; ) {
      const cursor = new JfrCursor(this.buf, p, this.end);
      const size = cursor.size();
      if (size < cursor.pos - p + 1 || size > this.end - p) throw invalid("jfr", "an event longer than its chunk");
      const event = new JfrCursor(this.buf, cursor.pos, p + size);
      visit(event.long(), event);
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
    for (const { name, fields } of this.classes.values()) {
      if (name === className) return fields.findIndex((each) => each.name === field);
    }
    return -1;
  }

  private readCheckpoint(cursor: JfrCursor): void {
    for (let i = 0; i < 3; i++) cursor.long();
    cursor.byte();
    for (let pools = cursor.count(); pools > 0; pools--) {
      const type = this.classOf(cursor.long());
      const isWanted = wantedPools.has(type.name);
      let pool = this.pools.get(type.name);
      if (!pool) {
        pool = new Map();
        this.pools.set(type.name, pool);
      }
      for (let entries = cursor.count(); entries > 0; entries--) {
        const key = cursor.long();
        const budget = this.budget;
        const value = this.readOne(cursor, type, false, 0);
        if (!isWanted) continue;
        this.room -= budget - this.budget;
        if (this.room < 0)
          throw new TooLargeError(`jfr: more than ${maxKeptValues} values in the constants of a chunk`);
        pool.set(key, value);
      }
    }
  }

  private classOf(id: JfrLong): JfrClass {
    const found = this.classes.get(id);
    if (!found) throw invalid("jfr", `a value of unknown class ${id}`);
    return found;
  }

  private readFields(cursor: JfrCursor, { fields }: JfrClass, depth: number): JfrValue[] {
    if (depth > maxStructDepth) throw invalid("jfr", "values are nested too deep");
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
    if (--this.budget < 0) throw invalid("jfr", "classes that say more than their bytes");
    if (inPool) return cursor.long();
    switch (type.name) {
      case "boolean":
      case "byte":
        return cursor.byte();
      case "char":
      case "short":
      case "int":
      case "long":
        return cursor.long();
      case "float":
        cursor.skip(4);
        return undefined;
      case "double":
        cursor.skip(8);
        return undefined;
      case "java.lang.String":
        return cursor.string();
      default:
        return this.readFields(cursor, type, depth + 1);
    }
  }
}
