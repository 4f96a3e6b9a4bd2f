import { LEN, Reader, VARINT, Writer } from "../proto/wire.js";
import { type AnyValue, emptyValue, type KeyValue } from "./any-value.js";
import { decodeAnyValue, encodeAnyValue } from "./any-value-codec.js";
import { locateEntries } from "./locate-entries.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING, TABLES } from "./tables.js";

export interface DictLine {
  readonly functionIndex: number;
  readonly line: bigint;
  readonly column: bigint;
}
export interface DictLocation {
  readonly mappingIndex: number;
  readonly address: bigint;
  readonly lines: readonly DictLine[];
  readonly attributeIndices: Int32Array;
}
export interface DictFunction {
  readonly nameIndex: number;
  readonly systemNameIndex: number;
  readonly filenameIndex: number;
  readonly startLine: bigint;
}
export interface DictMapping {
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly filenameIndex: number;
  readonly attributeIndices: Int32Array;
}
export interface DictLink {
  /** 16 bytes, or empty. */
  readonly traceId: Buffer;
  /** 8 bytes, or empty. */
  readonly spanId: Buffer;
}

const noBytes = Buffer.alloc(0);
const noIndices = new Int32Array(0);

/**
 * The tables that a batch's references point into: the received bytes, and behind them the entries that edits have
 * appended. Entries are decoded at each call; callers that read one often keep what they need. Index 0 is the zero entry.
 */
export class Dictionary {
  private readonly buf: Buffer;
  private readonly start: number;
  private readonly end: number;
  private readonly counts: Int32Array;
  /** Entries of `buf` by table, found on first need. */
  private located: readonly Int32Array[] | undefined;
  private appended: Writer | undefined;
  /** [start, end) of the appended entries in `appended`, by table. */
  private appendedRanges: number[][] = [];
  private appendedStrings: Map<string, number> | undefined;
  private appendedAttributes: Map<string, number> | undefined;
  private appendedFunctions: Map<string, number> | undefined;

  /** The dictionary whose content is [start, end) of `buf`; `counts` are its entries by table (field number). */
  constructor(buf: Buffer, start: number, end: number, counts: Int32Array) {
    this.buf = buf;
    this.start = start;
    this.end = end;
    this.counts = counts;
  }

  get stringCount(): number {
    return this.count(STRING);
  }
  get locationCount(): number {
    return this.count(LOCATION);
  }
  get functionCount(): number {
    return this.count(FUNCTION);
  }
  get mappingCount(): number {
    return this.count(MAPPING);
  }
  get stackCount(): number {
    return this.count(STACK);
  }
  get linkCount(): number {
    return this.count(LINK);
  }
  get attributeCount(): number {
    return this.count(ATTRIBUTE);
  }

  /** Entries of a table (src/pdata/tables.ts), appended ones included. */
  count(table: number): number {
    return this.counts[table] + (this.appendedRanges[table]?.length ?? 0) / 2;
  }

  /** Bytes that `writeContent` will write. */
  get byteSize(): number {
    return this.end - this.start + (this.appended?.pos ?? 0);
  }

  /** The received part and the appended part of the content. */
  content(): readonly Buffer[] {
    const received = this.buf.subarray(this.start, this.end);
    return this.appended ? [received, this.appended.finish()] : [received];
  }

  /** A dictionary that can be appended to on its own. */
  copy(): Dictionary {
    const copy = new Dictionary(this.buf, this.start, this.end, this.counts);
    copy.located = this.located;
    if (this.appended) {
      copy.appended = new Writer(this.appended.pos + 64);
      copy.appended.raw(this.appended.buf, 0, this.appended.pos);
      copy.appendedRanges = this.appendedRanges.map((ranges) => ranges && [...ranges]);
      copy.appendedStrings = this.appendedStrings && new Map(this.appendedStrings);
      copy.appendedAttributes = this.appendedAttributes && new Map(this.appendedAttributes);
      copy.appendedFunctions = this.appendedFunctions && new Map(this.appendedFunctions);
    }
    return copy;
  }

  /** Gives every empty table its zero entry. */
  repair(): void {
    for (const table of TABLES) if (this.counts[table] === 0) this.append(table, () => {});
  }

  /** The content of an entry. */
  entry(table: number, index: number): Reader {
    const own = this.counts[table];
    if (index < own) {
      const ranges = this.ranges(table);
      return new Reader(this.buf, ranges[2 * index], ranges[2 * index + 1]);
    }
    const ranges = this.appendedRanges[table];
    const at = 2 * (index - own);
    if (!this.appended || !ranges || at >= ranges.length || index < 0) return new Reader(noBytes, 0, 0);
    return new Reader(this.appended.buf, ranges[at], ranges[at + 1]);
  }

  /** Where `locate` found an entry: [atStart, atEnd) of atBuf. */
  atBuf: Buffer = noBytes;
  atStart = 0;
  atEnd = 0;

  /** Finds an entry without making an object; the next call overwrites what was found. */
  locate(table: number, index: number): void {
    if (index < this.counts[table]) {
      const ranges = this.ranges(table);
      this.atBuf = this.buf;
      this.atStart = ranges[2 * index];
      this.atEnd = ranges[2 * index + 1];
      return;
    }
    const { buf, pos, end } = this.entry(table, index);
    this.atBuf = buf;
    this.atStart = pos;
    this.atEnd = end;
  }

  /** [start, end) pairs of a table's received entries. */
  private ranges(table: number): Int32Array {
    this.located ??= locateEntries(this.buf, this.start, this.end, this.counts);
    return this.located[table];
  }

  string(index: number): string {
    const entry = this.entry(STRING, index);
    return entry.buf.utf8Slice(entry.pos, entry.end);
  }

  /** location_table indices, leaf first. */
  stack(index: number): Int32Array {
    const reader = this.entry(STACK, index);
    while (reader.next()) {
      if (reader.field === 1) return indices(reader.message());
      reader.skip();
    }
    return noIndices;
  }

  location(index: number): DictLocation {
    const reader = this.entry(LOCATION, index);
    let mappingIndex = 0;
    let address = 0n;
    let attributeIndices: Int32Array = noIndices;
    const lines: DictLine[] = [];
    while (reader.next()) {
      if (reader.field === 1) mappingIndex = reader.int32();
      else if (reader.field === 2) address = reader.uint64();
      else if (reader.field === 3) lines.push(decodeLine(reader.message()));
      else if (reader.field === 4) attributeIndices = indices(reader.message());
      else reader.skip();
    }
    return { mappingIndex, address, lines, attributeIndices };
  }

  function(index: number): DictFunction {
    const reader = this.entry(FUNCTION, index);
    let nameIndex = 0;
    let systemNameIndex = 0;
    let filenameIndex = 0;
    let startLine = 0n;
    while (reader.next()) {
      if (reader.field === 1) nameIndex = reader.int32();
      else if (reader.field === 2) systemNameIndex = reader.int32();
      else if (reader.field === 3) filenameIndex = reader.int32();
      else if (reader.field === 4) startLine = reader.int64();
      else reader.skip();
    }
    return { nameIndex, systemNameIndex, filenameIndex, startLine };
  }

  mapping(index: number): DictMapping {
    const reader = this.entry(MAPPING, index);
    let memoryStart = 0n;
    let memoryLimit = 0n;
    let fileOffset = 0n;
    let filenameIndex = 0;
    let attributeIndices: Int32Array = noIndices;
    while (reader.next()) {
      if (reader.field === 1) memoryStart = reader.uint64();
      else if (reader.field === 2) memoryLimit = reader.uint64();
      else if (reader.field === 3) fileOffset = reader.uint64();
      else if (reader.field === 4) filenameIndex = reader.int32();
      else if (reader.field === 5) attributeIndices = indices(reader.message());
      else reader.skip();
    }
    return { memoryStart, memoryLimit, fileOffset, filenameIndex, attributeIndices };
  }

  link(index: number): DictLink {
    const reader = this.entry(LINK, index);
    let traceId: Buffer = noBytes;
    let spanId: Buffer = noBytes;
    while (reader.next()) {
      if (reader.field === 1) traceId = reader.bytes();
      else if (reader.field === 2) spanId = reader.bytes();
      else reader.skip();
    }
    return { traceId, spanId };
  }

  attribute(index: number): KeyValue {
    const reader = this.entry(ATTRIBUTE, index);
    let key = "";
    let unit = "";
    let value: AnyValue = emptyValue;
    while (reader.next()) {
      if (reader.field === 1) key = this.string(reader.int32());
      else if (reader.field === 2) value = decodeAnyValue(reader.message());
      else if (reader.field === 3) unit = this.string(reader.int32());
      else reader.skip();
    }
    return { key, value, unit };
  }

  /** Index of a string, appended where this dictionary has not appended it before. Received entries are not searched: duplicates are legal. */
  appendString(text: string): number {
    if (text === "") return 0;
    this.appendedStrings ??= new Map();
    let index = this.appendedStrings.get(text);
    if (index === undefined) {
      index = this.append(STRING, (writer) => {
        const length = Buffer.byteLength(text);
        writer.ensure(length);
        writer.buf.utf8Write(text, writer.pos, length);
        writer.pos += length;
      });
      this.appendedStrings.set(text, index);
    }
    return index;
  }

  /** Index of an attribute, appended likewise. */
  appendAttribute(attribute: KeyValue): number {
    const content = new Writer(64);
    if (attribute.value.type !== "empty") encodeAnyValue(content, attribute.value);
    const keyIndex = this.appendString(attribute.key);
    const unitIndex = this.appendString(attribute.unit);
    const identity = `${keyIndex}/${unitIndex}/${content.buf.latin1Slice(0, content.pos)}`;
    this.appendedAttributes ??= new Map();
    let index = this.appendedAttributes.get(identity);
    if (index === undefined) {
      index = this.append(ATTRIBUTE, (writer) => {
        writer.tag(1, VARINT);
        writer.varint(keyIndex);
        if (attribute.value.type !== "empty") writer.lengthDelimited(2, content.buf, 0, content.pos);
        if (unitIndex !== 0) {
          writer.tag(3, VARINT);
          writer.varint(unitIndex);
        }
      });
      this.appendedAttributes.set(identity, index);
    }
    return index;
  }

  /** Index of a function, appended likewise. */
  appendFunction(entry: DictFunction): number {
    const { nameIndex, systemNameIndex, filenameIndex, startLine } = entry;
    const identity = `${nameIndex}/${systemNameIndex}/${filenameIndex}/${startLine}`;
    this.appendedFunctions ??= new Map();
    let index = this.appendedFunctions.get(identity);
    if (index === undefined) {
      index = this.append(FUNCTION, (writer) => {
        writer.tag(1, VARINT);
        writer.varint(nameIndex);
        writer.tag(2, VARINT);
        writer.varint(systemNameIndex);
        writer.tag(3, VARINT);
        writer.varint(filenameIndex);
        writer.tag(4, VARINT);
        writer.varint64(startLine);
      });
      this.appendedFunctions.set(identity, index);
    }
    return index;
  }

  private append(table: number, write: (writer: Writer) => void): number {
    this.appended ??= new Writer(256);
    const { appended } = this;
    appended.tag(table, LEN);
    const lengthAt = appended.pos;
    appended.varint(0);
    write(appended);
    const size = appended.pos - lengthAt - 1;
    appended.closeLength(lengthAt);
    this.appendedRanges[table] ??= [];
    const ranges = this.appendedRanges[table];
    ranges.push(appended.pos - size, appended.pos);
    return this.counts[table] + ranges.length / 2 - 1;
  }
}

function decodeLine(reader: Reader): DictLine {
  let functionIndex = 0;
  let line = 0n;
  let column = 0n;
  while (reader.next()) {
    if (reader.field === 1) functionIndex = reader.int32();
    else if (reader.field === 2) line = reader.int64();
    else if (reader.field === 3) column = reader.int64();
    else reader.skip();
  }
  return { functionIndex, line, column };
}

/** A packed list of table indices. */
export function indices(reader: Reader): Int32Array {
  const out = new Int32Array(reader.end - reader.pos);
  let count = 0;
  while (reader.pos < reader.end) out[count++] = reader.int32();
  return out.subarray(0, count);
}
