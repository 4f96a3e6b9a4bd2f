import { LEN, Reader, Writer } from "../proto/wire.js";
import type { Dictionary } from "./dictionary.js";
import { STRING } from "./tables.js";

/**
 * References from resource and scope attributes into the string table (protocol 1.10) become plain strings, so that
 * nothing behind the edge has to know of them. The scan has checked every index.
 */
const scratch = new Writer(1024);

/** A Resource or InstrumentationScope message with the attributes of `field` written out. */
export function resolveAttributes(message: Buffer, field: number, strings: Dictionary): Buffer {
  scratch.reset();
  const reader = new Reader(message, 0, message.length);
  while (reader.next()) {
    if (reader.field === field) keyValue(scratch, field, reader.message(), strings);
    else copy(scratch, reader);
  }
  return scratch.copyOut();
}

function keyValue(out: Writer, field: number, reader: Reader, strings: Dictionary): void {
  const lengthAt = open(out, field);
  let key = 0;
  while (reader.next()) {
    if (reader.field === 3) key = reader.uint32();
    else if (reader.field === 2) {
      const valueAt = open(out, 2);
      anyValue(out, reader.message(), strings);
      out.closeLength(valueAt);
    } else copy(out, reader);
  }
  // Behind a plain key, should there be one as well: the last one counts.
  if (key !== 0) reference(out, key, strings);
  out.closeLength(lengthAt);
}

function anyValue(out: Writer, reader: Reader, strings: Dictionary): void {
  while (reader.next()) {
    if (reader.field === 8) reference(out, reader.uint32(), strings);
    else if (reader.field === 5 || reader.field === 6) {
      const keyed = reader.field === 6;
      const listAt = open(out, reader.field);
      const list = reader.message();
      while (list.next()) {
        if (list.field !== 1) copy(out, list);
        else if (keyed) keyValue(out, 1, list.message(), strings);
        else {
          const elementAt = open(out, 1);
          anyValue(out, list.message(), strings);
          out.closeLength(elementAt);
        }
      }
      out.closeLength(listAt);
    } else copy(out, reader);
  }
}

/** Writes the string as field 1: the key of a KeyValue, the string_value of an AnyValue. */
function reference(out: Writer, index: number, strings: Dictionary): void {
  const entry = strings.entry(STRING, index);
  out.lengthDelimited(1, entry.buf, entry.pos, entry.end);
}

function open(out: Writer, field: number): number {
  out.tag(field, LEN);
  const lengthAt = out.pos;
  out.varint(0);
  return lengthAt;
}

function copy(out: Writer, reader: Reader): void {
  const start = reader.fieldStart;
  reader.skip();
  out.raw(reader.buf, start, reader.pos);
}
