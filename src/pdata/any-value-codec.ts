import { FIXED64, LEN, type Reader, VARINT, type Writer } from "../proto/wire.js";
import { type AnyValue, emptyValue, type KeyValue } from "./any-value.js";

/** AnyValue and KeyValue on the wire. The bytes have passed the scanner: references are resolved, depth is bounded. */

/** Fields that the decoder did not know, counted to see whether a value has any. */
let unknownFields = 0;

/**
 * Attributes that hold fields we don't know, with their bytes: whoever edits their neighbours hands on the same objects,
 * and they are written as they were received. Rare, so the bytes are copied rather than kept alive with their request.
 */
const received = new WeakMap<KeyValue, Buffer>();

export function decodeAnyValue(reader: Reader): AnyValue {
  let value: AnyValue = emptyValue;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        value = { type: "string", value: reader.string() };
        break;
      case 2:
        value = { type: "bool", value: (reader.skipVarintHigh() | reader.low) !== 0 };
        break;
      case 3:
        value = { type: "int", value: reader.int64() };
        break;
      case 4:
        value = { type: "double", value: reader.double() };
        break;
      case 5:
        value = { type: "array", value: elements(reader.message(), decodeAnyValue) };
        break;
      case 6:
        value = { type: "map", value: elements(reader.message(), decodeKeyValue) };
        break;
      case 7:
        value = { type: "bytes", value: reader.bytes() };
        break;
      default:
        skipUnknown(reader);
    }
  }
  return value;
}

function elements<T>(reader: Reader, decode: (element: Reader) => T): T[] {
  const out: T[] = [];
  while (reader.next()) {
    if (reader.field === 1) out.push(decode(reader.message()));
    else skipUnknown(reader);
  }
  return out;
}

function skipUnknown(reader: Reader): void {
  unknownFields++;
  reader.skip();
}

export function decodeKeyValue(reader: Reader): KeyValue {
  const { buf, pos, end } = reader;
  const before = unknownFields;
  let key = "";
  let value: AnyValue = emptyValue;
  while (reader.next()) {
    if (reader.field === 1) key = reader.string();
    else if (reader.field === 2) value = decodeAnyValue(reader.message());
    else skipUnknown(reader);
  }
  const entry = { key, value, unit: "" };
  if (unknownFields !== before) received.set(entry, Buffer.from(buf.subarray(pos, end)));
  return entry;
}

/** Appends the content of an AnyValue. */
export function encodeAnyValue(writer: Writer, value: AnyValue): void {
  switch (value.type) {
    case "string":
      writer.string(1, value.value);
      return;
    case "bool":
      writer.tag(2, VARINT);
      writer.varint(value.value ? 1 : 0);
      return;
    case "int":
      writer.tag(3, VARINT);
      writer.varint64(value.value);
      return;
    case "double":
      writer.tag(4, FIXED64);
      writer.double(value.value);
      return;
    case "array":
      writer.message(5, () => {
        for (const element of value.value) writer.message(1, () => encodeAnyValue(writer, element));
      });
      return;
    case "map":
      writer.message(6, () => {
        for (const entry of value.value) writer.message(1, () => encodeKeyValue(writer, entry));
      });
      return;
    case "bytes": {
      const bytes = Buffer.from(value.value.buffer, value.value.byteOffset, value.value.byteLength);
      writer.lengthDelimited(7, bytes);
      return;
    }
    default:
      return;
  }
}

/** Appends the content of a KeyValue. */
export function encodeKeyValue(writer: Writer, entry: KeyValue): void {
  const bytes = unknownFields > 0 ? received.get(entry) : undefined;
  if (bytes) {
    writer.raw(bytes, 0, bytes.length);
    return;
  }
  writer.string(1, entry.key);
  if (entry.value.type === "empty") return;
  writer.tag(2, LEN);
  const start = writer.pos;
  writer.varint(0);
  encodeAnyValue(writer, entry.value);
  writer.closeLength(start);
}
