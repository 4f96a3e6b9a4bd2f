import { type Json, parseExactJson } from "./exact-json.js";
import { type Field, type Shape, shapes } from "./shapes.js";
import { FIXED64, LEN, Reader, VARINT, Writer } from "./wire.js";

/**
 * OTLP/JSON <-> protobuf for profiles requests, field by field from the table of shapes: lowerCamelCase keys (snake_case
 * is read too), ids in hex, other bytes in base64, 64-bit integers as decimal strings (numbers are read too). Unknown
 * keys are ignored. Whether indices are in range is left to the scanner.
 */
export class JsonShapeError extends Error {
  constructor(path: string, message: string) {
    super(`${path || "body"}: ${message}`);
    this.name = "JsonShapeError";
  }
}

/** Deepest nesting of JSON that is accepted. */
const maxDepth = 400;

const request = shapes.get("ExportProfilesServiceRequest") as Shape;

/** An ExportProfilesServiceRequest in OTLP/JSON, as protobuf. Throws JsonShapeError or SyntaxError with a reason. */
export function jsonToProto(body: Buffer): Buffer {
  const json = parseExactJson(new TextDecoder("utf-8", { fatal: true }).decode(body));
  const writer = new Writer(body.length);
  writeMessage(writer, request, json, "", 0);
  return writer.copyOut();
}

/** The same, the other way. The bytes have passed the scanner. */
export function protoToJson(bytes: Buffer): Buffer {
  return Buffer.from(JSON.stringify(readMessage(new Reader(bytes, 0, bytes.length), request)));
}

const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Fields by both spellings of their names. */
const named = new Map<Shape, Map<string, Field>>();
for (const shape of shapes.values()) {
  const fields = new Map<string, Field>();
  for (const field of shape.fields.values()) fields.set(field.name, field).set(camel(field.name), field);
  named.set(shape, fields);
}

function writeMessage(writer: Writer, shape: Shape, json: Json, path: string, depth: number): void {
  if (json === null || typeof json !== "object" || Array.isArray(json)) {
    throw new JsonShapeError(path, `expected an object (${shape.name})`);
  }
  if (depth > maxDepth) throw new JsonShapeError(path, "nested too deep");
  const fields = named.get(shape) as Map<string, Field>;
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    if (!field || value === null) continue;
    const at = path ? `${path}.${key}` : key;
    if (!field.repeated) writeField(writer, field, value, at, depth, shape.oneof);
    else if (!Array.isArray(value)) throw new JsonShapeError(at, "expected an array");
    else writeList(writer, field, value, at, depth);
  }
}

function writeList(writer: Writer, field: Field, list: readonly Json[], path: string, depth: number): void {
  if (field.kind === "message" || field.kind === "string" || field.kind === "bytes") {
    // A null among them is an empty one, as the Collector reads it: the elements behind it keep their index.
    const empty = field.kind === "message" ? {} : "";
    for (const [i, value] of list.entries()) writeField(writer, field, value ?? empty, `${path}[${i}]`, depth, true);
    return;
  }
  if (list.length === 0) return;
  writer.message(field.number, () => {
    for (const [i, value] of list.entries()) writeScalar(writer, field, value, `${path}[${i}]`);
  });
}

/** `keepZero`: a member of a oneof or an element is written even where it is the default. */
function writeField(writer: Writer, field: Field, value: Json, path: string, depth: number, keepZero: boolean): void {
  const shape = shapes.get(field.shape);
  if (shape) {
    writer.message(field.number, () => writeMessage(writer, shape, value, path, depth + 1));
  } else if (field.kind === "string") {
    if (typeof value !== "string") throw new JsonShapeError(path, "expected a string");
    if (value !== "" || keepZero) writer.string(field.number, wellFormed(value, path));
  } else if (field.kind === "bytes") {
    const bytes = parseBytes(field, value, path);
    if (bytes.length > 0 || keepZero) writer.lengthDelimited(field.number, bytes);
  } else {
    writer.tag(field.number, field.kind === "varint" ? VARINT : FIXED64);
    writeScalar(writer, field, value, path);
  }
}

function wellFormed(text: string, path: string): string {
  if (/[\ud800-\udfff]/.test(text) && !(text as unknown as { isWellFormed(): boolean }).isWellFormed()) {
    throw new JsonShapeError(path, "a lone surrogate is no valid text");
  }
  return text;
}

function parseBytes(field: Field, value: Json, path: string): Buffer {
  if (typeof value !== "string") throw new JsonShapeError(path, "expected a string");
  if (field.json === "hex") {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(value)) throw new JsonShapeError(path, "expected hexadecimal digits");
    return Buffer.from(value, "hex");
  }
  const digits = value.search(/={0,2}$/);
  // One digit more than whole groups of four is no byte.
  if (digits % 4 === 1 || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) throw new JsonShapeError(path, "expected base64");
  return Buffer.from(value, "base64");
}

const ranges: Record<string, readonly [bigint, bigint]> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

function writeScalar(writer: Writer, field: Field, value: Json, path: string): void {
  if (field.json === "double") {
    writer.double(parseDouble(value, path));
  } else if (field.json === "bool") {
    if (typeof value !== "boolean") throw new JsonShapeError(path, "expected true or false");
    writer.varint(value ? 1 : 0);
  } else {
    const number = parseInteger(value, field.json, path);
    if (field.kind === "fixed64") writer.fixed64(number);
    else writer.varint64(number);
  }
}

function parseInteger(value: Json, type: string, path: string): bigint {
  let number: bigint;
  if (typeof value === "number" && Number.isInteger(value)) number = BigInt(value);
  else if (typeof value === "string" && /^[-+]?\d{1,20}$/.test(value)) number = BigInt(value);
  else throw new JsonShapeError(path, "expected an integer");
  const [least, most] = ranges[type];
  if (number < least || number > most) throw new JsonShapeError(path, `${number} is out of range for ${type}`);
  return number;
}

const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** A number, or one as text; NaN and the infinities in the spellings that the Collector reads, too. */
function parseDouble(value: Json, path: string): number {
  if (typeof value === "string" && /^nan$/i.test(value)) return Number.NaN;
  if (typeof value === "string" && /^[-+]?inf(?:inity)?$/i.test(value)) {
    return value.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const isNumber = typeof value === "number" || (typeof value === "string" && decimal.test(value));
  if (!isNumber) throw new JsonShapeError(path, "expected a number");
  const number = Number(value);
  if (!Number.isFinite(number)) throw new JsonShapeError(path, "a number past what a double can hold");
  return number;
}

function readMessage(reader: Reader, shape: Shape): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  while (reader.next()) {
    const field = shape.fields.get(reader.field);
    if (!field) {
      reader.skip();
      continue;
    }
    const key = camel(field.name);
    if (!field.repeated) out[key] = readValue(reader, field);
    else {
      out[key] ??= [];
      const list = out[key] as unknown[];
      if (reader.wireType === LEN && (field.kind === "varint" || field.kind === "fixed64")) {
        const packed = reader.message();
        while (packed.pos < packed.end) list.push(readValue(packed, field));
      } else list.push(readValue(reader, field));
    }
  }
  return out;
}

function readValue(reader: Reader, field: Field): unknown {
  switch (field.json) {
    case "message":
      return readMessage(reader.message(), shapes.get(field.shape) as Shape);
    case "string":
      return reader.string();
    case "hex":
      return reader.bytes().toString("hex");
    case "base64":
      return reader.bytes().toString("base64");
    case "bool":
      return (reader.skipVarintHigh() | reader.low) !== 0;
    case "double": {
      const value = reader.double();
      if (Object.is(value, -0)) return "-0";
      return Number.isFinite(value) ? value : String(value);
    }
    case "int32":
      return reader.int32();
    case "uint32":
      return reader.uint32();
    case "int64":
      return reader.int64().toString();
    default:
      return (field.kind === "fixed64" ? reader.fixed64() : reader.uint64()).toString();
  }
}
