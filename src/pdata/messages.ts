import { LEN, Reader } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { decodeKeyValue } from "./any-value-codec.js";

/** A field inside a message: [start, end) of its content, or absent (start -1). */
export interface Span {
  start: number;
  end: number;
}

/** Content of a singular length-delimited field, the last one given; start -1 where it is absent. */
export function findMessage(buf: Buffer, start: number, end: number, field: number): Span {
  const span = { start: -1, end: -1 };
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field === field && reader.wireType === LEN) {
      const length = reader.length();
      span.start = reader.pos;
      span.end = reader.pos + length;
      reader.pos = span.end;
    } else reader.skip();
  }
  return span;
}

/** The attributes that stand in `field` of a message. */
export function decodeAttributes(reader: Reader, field: number): KeyValue[] {
  const out: KeyValue[] = [];
  while (reader.next()) {
    if (reader.field === field) out.push(decodeKeyValue(reader.message()));
    else reader.skip();
  }
  return out;
}
