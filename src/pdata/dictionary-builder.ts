import { LEN, VARINT, Writer, writeVarint } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeAnyValue } from "./any-value-codec.js";
import { OpenDictionary } from "./open-dictionary.js";
import { ATTRIBUTE, FUNCTION, LINK, LOCATION, MAPPING, STACK, STRING } from "./tables.js";

export interface MappingFields {
  readonly memoryStart?: bigint;
  readonly memoryLimit?: bigint;
  readonly fileOffset?: bigint;
  /** string_table index. */
  readonly filename?: number;
  /** attribute_table indices. */
  readonly attributes?: readonly number[];
}

export interface LineFields {
  /** function_table index. */
  readonly function: number;
  readonly line?: number;
  readonly column?: number;
}

export interface LocationFields {
  /** mapping_table index. */
  readonly mapping?: number;
  readonly address?: bigint;
  /** Innermost inlined function first. */
  readonly lines?: readonly LineFields[];
  /** attribute_table indices. */
  readonly attributes?: readonly number[];
}

const noIndices: readonly number[] = [];
/** Entries are written one at a time: one set of buffers serves all builders. */
const scratch = { entry: new Writer(1024), line: new Writer(64) };

/**
 * The dictionary of a batch being built. Entries are interned by content: equal content gives the same index, and every
 * table begins with its zero entry.
 */
export class DictionaryBuilder {
  /** For who adds entries in the memory where they will stand. */
  readonly dictionary = new OpenDictionary();
  private readonly scratch = scratch.entry;
  private readonly line = scratch.line;

  /** Bytes of the dictionary so far. */
  get dictionaryBytes(): number {
    return this.dictionary.byteSize;
  }

  string(text: string): number {
    return this.dictionary.string(text);
  }

  /** A string from its bytes [start, end), which the caller knows to be UTF-8. */
  stringBytes(source: Buffer, start: number, end: number): number {
    return this.entry(STRING, source, start, end);
  }

  /** Index of the entry of this table (src/pdata/tables.ts) whose encoded content is [start, end) of `source`. */
  entry(table: number, source: Buffer, start: number, end: number): number {
    return this.dictionary.entry(table, source, start, end);
  }

  /** Names are string_table indices. */
  function(name: number, systemName = 0, filename = 0, startLine = 0): number {
    const out = this.begin();
    unsigned(out, 0x08, name);
    unsigned(out, 0x10, systemName);
    unsigned(out, 0x18, filename);
    integer(out, 0x20, startLine);
    return this.intern(FUNCTION, out);
  }

  mapping(fields: MappingFields): number {
    const out = this.begin();
    unsigned64(out, 1, fields.memoryStart);
    unsigned64(out, 2, fields.memoryLimit);
    unsigned64(out, 3, fields.fileOffset);
    unsigned(out, 0x20, fields.filename ?? 0);
    indices(out, 5, fields.attributes);
    return this.intern(MAPPING, out);
  }

  location(fields: LocationFields): number {
    const out = this.begin();
    unsigned(out, 0x08, fields.mapping ?? 0);
    unsigned64(out, 2, fields.address);
    for (const each of fields.lines ?? []) {
      const { line } = this;
      line.reset();
      unsigned(line, 0x08, each.function);
      integer(line, 0x10, each.line ?? 0);
      integer(line, 0x18, each.column ?? 0);
      out.lengthDelimited(3, line.buf, 0, line.pos);
    }
    indices(out, 4, fields.attributes);
    return this.intern(LOCATION, out);
  }

  /** location_table indices, leaf first, the first `depth` of a list. The empty stack is 0. */
  stack(locations: ArrayLike<number>, depth = locations.length): number {
    if (depth === 0) return 0;
    const out = this.begin();
    indices(out, 1, locations, depth);
    return this.intern(STACK, out);
  }

  attribute(attribute: KeyValue): number {
    const key = this.string(attribute.key);
    const unit = this.string(attribute.unit);
    const out = this.begin();
    unsigned(out, 0x08, key);
    out.tag(2, LEN);
    const start = out.pos;
    out.varint(0);
    encodeAnyValue(out, attribute.value);
    out.closeLength(start);
    unsigned(out, 0x18, unit);
    return this.intern(ATTRIBUTE, out);
  }

  /** 16 and 8 bytes. */
  link(traceId: Buffer, spanId: Buffer): number {
    const out = this.begin();
    out.lengthDelimited(1, traceId);
    out.lengthDelimited(2, spanId);
    return this.intern(LINK, out);
  }

  private begin(): Writer {
    this.scratch.reset();
    return this.scratch;
  }

  private intern(table: number, content: Writer): number {
    return this.entry(table, content.buf, 0, content.pos);
  }
}

function unsigned(out: Writer, tag: number, value: number): void {
  if (value === 0) return;
  out.ensure(6);
  out.buf[out.pos++] = tag;
  out.pos = writeVarint(out.buf, out.pos, value);
}

/** A whole number that may be negative or past 32 bits. */
function integer(out: Writer, tag: number, value: number): void {
  if (value >= 0 && value <= 0x7fffffff) {
    unsigned(out, tag, value);
    return;
  }
  out.varint(tag);
  out.varint64(BigInt(Math.trunc(value)));
}

function unsigned64(out: Writer, field: number, value: bigint | undefined): void {
  if (value === undefined || value === 0n) return;
  out.tag(field, VARINT);
  out.varint64(value);
}

function indices(out: Writer, field: number, list: ArrayLike<number> = noIndices, length = list.length): void {
  if (length === 0) return;
  out.ensure(5 * length + 12);
  const start = out.begin(field);
  for (let i = 0; i < length; i++) out.pos = writeVarint(out.buf, out.pos, list[i]);
  out.closeLength(start);
}
