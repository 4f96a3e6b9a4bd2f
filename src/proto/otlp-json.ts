import { JsonReader } from "./json-reader.js";
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

/** Deepest nesting of messages that is accepted. */
const maxDepth = 400;
/** Messages, texts or bytes in one list: no table that the scanner takes is longer. */
const maxElements = 2 ** 21;

const request = shapes.get("ExportProfilesServiceRequest") as Shape;

type Scalar = null | boolean | number | string;

/** An ExportProfilesServiceRequest in OTLP/JSON, as protobuf. Throws JsonShapeError or SyntaxError with a reason. */
export function jsonToProto(body: Buffer): Buffer {
  const json = new JsonReader(new TextDecoder("utf-8", { fatal: true }).decode(body));
  const writer = new Writer(body.length);
  new Transcoder(json, writer).message(request, 0);
  json.end();
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

/** Writes what it reads; nothing is in between. */
class Transcoder {
  readonly #json: JsonReader;
  readonly #writer: Writer;
  /** Keys and indices of what is being read. */
  readonly #path: (string | number)[] = [];

  constructor(json: JsonReader, writer: Writer) {
    this.#json = json;
    this.#writer = writer;
  }

  message(shape: Shape, depth: number): void {
    if (!this.#json.isObject) this.#fail(`expected an object (${shape.name})`);
    if (depth > maxDepth) this.#fail("nested too deep");
    const fields = named.get(shape) as Map<string, Field>;
    this.#json.object((key) => {
      const field = fields.get(key);
      if (!field || this.#json.isNull) this.#json.skip();
      else this.#at(key, () => this.#member(field, depth, shape.oneof));
    });
  }

  #member(field: Field, depth: number, keepZero: boolean): void {
    if (!field.repeated) this.#field(field, depth, keepZero);
    else if (!this.#json.isList) this.#fail("expected an array");
    else if (field.kind === "message" || field.kind === "string" || field.kind === "bytes") this.#entries(field, depth);
    else this.#packed(field);
  }

  /** A null among them is an empty one, as the Collector reads it: the elements behind it keep their index. */
  #entries(field: Field, depth: number): void {
    this.#json.list((index) => {
      if (index >= maxElements) this.#fail(`more than ${maxElements} elements`);
      this.#at(index, () => {
        if (!this.#json.isNull) return this.#field(field, depth, true);
        this.#json.skip();
        this.#writer.lengthDelimited(field.number, noBytes);
      });
    });
  }

  #packed(field: Field): void {
    const start = this.#writer.pos;
    const depth = this.#path.length;
    this.#writer.message(field.number, () => {
      this.#json.list((index) => {
        this.#path[depth] = index;
        this.#scalar(field);
      });
    });
    if (this.#path.length === depth) this.#writer.pos = start;
    else this.#path.pop();
  }

  /** `keepZero`: a member of a oneof or an element is written even where it is the default. */
  #field(field: Field, depth: number, keepZero: boolean): void {
    const writer = this.#writer;
    const shape = shapes.get(field.shape);
    if (shape) {
      writer.message(field.number, () => this.message(shape, depth + 1));
    } else if (field.kind === "string") {
      const text = this.#checked(parseText);
      if (text !== "" || keepZero) writer.string(field.number, text);
    } else if (field.kind === "bytes") {
      const bytes = this.#checked((value) => parseBytes(field, value));
      if (bytes.length > 0 || keepZero) writer.lengthDelimited(field.number, bytes);
    } else {
      writer.tag(field.number, field.kind === "varint" ? VARINT : FIXED64);
      this.#scalar(field);
    }
  }

  #scalar(field: Field): void {
    const writer = this.#writer;
    if (field.json === "double") writer.double(this.#checked(parseDouble));
    else if (field.json === "bool") writer.varint(this.#checked(parseBool) ? 1 : 0);
    else {
      const number = this.#checked((value) => parseInteger(value, field));
      if (typeof number === "number") writer.varint(number);
      else if (field.kind === "fixed64") writer.fixed64(number);
      else writer.varint64(number);
    }
  }

  #checked<T>(parse: (value: Scalar | undefined) => T | Wrong): T {
    // An object or a list is no scalar of any kind.
    const parsed = parse(this.#json.isObject || this.#json.isList ? undefined : this.#json.scalar());
    return parsed instanceof Wrong ? this.#fail(parsed.what) : parsed;
  }

  #at(step: string | number, read: () => void): void {
    this.#path.push(step);
    read();
    this.#path.pop();
  }

  #fail(what: string): never {
    let path = "";
    for (const step of this.#path) path += typeof step === "number" ? `[${step}]` : `${path && "."}${step}`;
    throw new JsonShapeError(path, what);
  }
}

/** Why a value isn't what its field wants. */
class Wrong {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

const noBytes = Buffer.alloc(0);

function parseText(value: Scalar | undefined): string | Wrong {
  if (typeof value !== "string") return new Wrong("expected a string");
  if (/[\ud800-\udfff]/.test(value) && !(value as unknown as { isWellFormed(): boolean }).isWellFormed()) {
    return new Wrong("a lone surrogate is no valid text");
  }
  return value;
}

function parseBytes(field: Field, value: Scalar | undefined): Buffer | Wrong {
  if (typeof value !== "string") return new Wrong("expected a string");
  if (field.json === "hex") {
    if (!/^(?:[0-9a-fA-F]{2})*$/.test(value)) return new Wrong("expected hexadecimal digits");
    return Buffer.from(value, "hex");
  }
  const digits = value.search(/={0,2}$/);
  // One digit more than whole groups of four is no byte.
  if (digits % 4 === 1 || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(value)) return new Wrong("expected base64");
  return Buffer.from(value, "base64");
}

function parseBool(value: Scalar | undefined): boolean | Wrong {
  return typeof value === "boolean" ? value : new Wrong("expected true or false");
}

const maxSmall = 0x7fff_ffff;
const ranges: Record<string, readonly [bigint, bigint]> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

/** As a number where it is small enough for all types: most are. */
function parseInteger(value: Scalar | undefined, { kind, json: type }: Field): bigint | number | Wrong {
  if (typeof value === "number" && kind === "varint" && value >= 0 && value === (value & maxSmall)) return value;
  let number: bigint;
  if (typeof value === "number" && Number.isInteger(value)) number = BigInt(value);
  else if (typeof value === "string" && /^[-+]?\d{1,20}$/.test(value)) number = BigInt(value);
  else return new Wrong("expected an integer");
  const [least, most] = ranges[type];
  return number < least || number > most ? new Wrong(`${number} is out of range for ${type}`) : number;
}

const decimal = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

/** A number, or one as text; NaN and the infinities in the spellings that the Collector reads, too. */
function parseDouble(value: Scalar | undefined): number | Wrong {
  if (typeof value === "string" && /^nan$/i.test(value)) return Number.NaN;
  if (typeof value === "string" && /^[-+]?inf(?:inity)?$/i.test(value)) {
    return value.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const isNumber = typeof value === "number" || (typeof value === "string" && decimal.test(value));
  if (!isNumber) return new Wrong("expected a number");
  const number = Number(value);
  return Number.isFinite(number) ? number : new Wrong("a number past what a double can hold");
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
