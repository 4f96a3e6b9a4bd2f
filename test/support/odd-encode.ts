import type protobuf from "protobufjs";
import { otlpTypes } from "../../src/proto/load.js";
import type { Random } from "./random.js";

/** Legal ways to write a message that no ordinary writer chooses. */
export interface Oddity {
  /** Redundant bytes in tags, lengths and values. */
  readonly pads: boolean;
  /** Lists in several chunks and single elements. */
  readonly chunks: boolean;
  /** Singular messages in two parts, scalars twice, AnyValues with a member that a later one replaces. */
  readonly parts: boolean;
  /** int32 values with bits above the 32nd, which a parser cuts off. */
  readonly highBits: boolean;
  /** Fields nobody knows, in every message but zero entries. */
  readonly unknown: boolean;
  /** Keys and string values of attributes as references into the string table. */
  readonly references: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: plain objects in the shape of the .proto files
type Any = any;

const VARINT = 0;
const FIXED64 = 1;
const LEN = 2;

export function randomOddity(random: Random): Oddity {
  const flip = (): boolean => random.chance(0.5);
  return { pads: flip(), chunks: flip(), parts: flip(), highBits: flip(), unknown: flip(), references: flip() };
}

/** Encodes a plain object as a request, oddly. */
export function encodeOddly(request: object, oddity: Oddity, random: Random): Buffer {
  const { dictionary = {}, ...rest } = request as Any;
  const strings: string[] = [...(dictionary.string_table ?? [""])];
  const copy = { ...rest, dictionary: { ...dictionary, string_table: strings } };
  return new OddEncoder(oddity, random, strings).message(otlpTypes().request, copy);
}

class OddEncoder {
  private readonly oddity: Oddity;
  private readonly random: Random;
  /** The string table: references from resources and scopes, which are written first, add to it. */
  private readonly strings: string[];
  private inDictionary = false;

  constructor(oddity: Oddity, random: Random, strings: string[]) {
    this.oddity = oddity;
    this.random = random;
    this.strings = strings;
  }

  message(type: protobuf.Type, given: Any): Buffer {
    const fields: Buffer[] = [];
    if (type.name === "ProfilesDictionary") this.inDictionary = true;
    const value = this.oddity.references ? this.referring(type, given) : given;
    for (const field of type.fieldsArray) {
      const content = value[field.name];
      if (content === undefined || content === null) continue;
      if (!field.repeated) this.singular(field, content, fields);
      else if (field.resolvedType || field.type === "string") {
        for (const element of content) fields.push(this.field(field, element));
      } else this.list(field, content, fields);
    }
    if (type.name === "AnyValue" && fields.length === 1 && this.oddity.parts && this.random.chance(0.3)) {
      fields.unshift(this.replaced(type, value));
    }
    // An entry without anything set may be a table's zero entry.
    if (this.oddity.unknown && fields.length > 0 && this.random.chance(0.2)) fields.push(this.unknown());
    return Buffer.concat(fields);
  }

  private referring(type: protobuf.Type, value: Any): Any {
    const index = (text: unknown): number => {
      if (typeof text !== "string" || this.random.chance(0.5)) return -1;
      const known = this.strings.indexOf(text);
      return known >= 0 || this.inDictionary ? known : this.strings.push(text) - 1;
    };
    if (type.name === "KeyValue") {
      const { key, ...rest } = value;
      const at = index(key);
      if (at > 0) return { ...rest, key_strindex: at };
    } else if (type.name === "AnyValue" && "string_value" in value) {
      const at = index(value.string_value);
      if (at >= 0) return { string_value_strindex: at };
    }
    return value;
  }

  private singular(field: protobuf.Field, content: Any, fields: Buffer[]): void {
    const { parts } = this.oddity;
    if (!parts || !this.random.chance(0.3)) fields.push(this.field(field, content));
    else if (field.resolvedType instanceof Object && "fieldsArray" in field.resolvedType) {
      for (const part of this.halves(field.resolvedType as protobuf.Type, content))
        fields.push(this.field(field, part));
    } else if (field.partOf) fields.push(this.field(field, content));
    else fields.push(this.field(field, field.type === "bytes" ? Buffer.alloc(0) : ""), this.field(field, content));
  }

  /** Two messages that a parser merges to the one given. */
  private halves(type: protobuf.Type, value: Any): [Any, Any] {
    const halves: [Any, Any] = [{}, {}];
    for (const field of type.fieldsArray) {
      const content = value[field.name];
      if (content === undefined || content === null) continue;
      if (field.repeated) {
        const cut = this.random.int(content.length + 1);
        halves[0][field.name] = content.slice(0, cut);
        halves[1][field.name] = content.slice(cut);
      } else halves[this.random.int(2)][field.name] = content;
    }
    return halves;
  }

  private list(field: protobuf.Field, values: Any[], fields: Buffer[]): void {
    for (let at = 0; at < values.length; ) {
      if (this.oddity.chunks && this.random.chance(0.4)) {
        fields.push(this.field(field, values[at++]));
        continue;
      }
      const count = this.oddity.chunks ? this.random.int(values.length - at) + 1 : values.length;
      const chunk = Buffer.concat(values.slice(at, at + count).map((value) => this.scalar(field, value)));
      fields.push(this.tag(field.id, LEN), this.length(chunk.length), chunk);
      at += count;
    }
  }

  private field(field: protobuf.Field, value: Any): Buffer {
    if (!field.resolvedType) return Buffer.concat([this.tag(field.id, wireType(field)), this.scalar(field, value)]);
    const content = this.message(field.resolvedType as protobuf.Type, value);
    return Buffer.concat([this.tag(field.id, LEN), this.length(content.length), content]);
  }

  private scalar(field: protobuf.Field, value: Any): Buffer {
    switch (field.type) {
      case "string":
      case "bytes": {
        const content = Buffer.from(value);
        return Buffer.concat([this.length(content.length), content]);
      }
      case "double": {
        const out = Buffer.alloc(8);
        out.writeDoubleLE(Number(value));
        return out;
      }
      case "fixed64": {
        const out = Buffer.alloc(8);
        out.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
        return out;
      }
      case "int32": {
        const high = this.oddity.highBits && this.random.chance(0.2) ? BigInt(this.random.int(1 << 30) + 1) << 32n : 0n;
        return this.varint(BigInt.asUintN(32, BigInt(value)) | high);
      }
      default:
        return this.varint(BigInt.asUintN(64, BigInt(value)));
    }
  }

  /** Another member, in front of the one that counts. */
  private replaced(type: protobuf.Type, value: Any): Buffer {
    const others = [{ int_value: "7" }, { string_value: "gone" }, { array_value: { values: [{ bool_value: true }] } }];
    const other = this.random.pick(others.filter((each) => !(Object.keys(each)[0] in value)));
    const field = type.fields[Object.keys(other)[0]];
    const plain = new OddEncoder({ ...this.oddity, unknown: false, references: false }, this.random, this.strings);
    return plain.field(field, Object.values(other)[0]);
  }

  private unknown(): Buffer {
    const id = this.random.pick([50, 1000, 536_870_911]);
    const content = Buffer.from(`unknown ${this.random.int(1000)};`);
    return Buffer.concat([this.tag(id, LEN), this.length(content.length), content]);
  }

  private tag(field: number, wire: number): Buffer {
    return this.varint(BigInt(field) * 8n + BigInt(wire), 5);
  }

  private length(bytes: number): Buffer {
    return this.varint(BigInt(bytes), 5);
  }

  private varint(value: bigint, mostBytes = 10): Buffer {
    const out: number[] = [];
    for (let rest = value; ; rest >>= 7n) {
      out.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
      if (rest <= 0x7fn) break;
    }
    let pads = this.oddity.pads && this.random.chance(0.3) ? this.random.int(9) + 1 : 0;
    for (; pads > 0 && out.length < mostBytes; pads--) {
      out[out.length - 1] |= 0x80;
      out.push(0);
    }
    return Buffer.from(out);
  }
}

function wireType(field: protobuf.Field): number {
  if (field.type === "string" || field.type === "bytes") return LEN;
  return field.type === "double" || field.type === "fixed64" ? FIXED64 : VARINT;
}
