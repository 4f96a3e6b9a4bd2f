import { isUtf8 } from "node:buffer";
import { commentField, type Field, type Layout, layouts, type Shape, shapes } from "../proto/shapes.js";
import { FIXED64, LEN, Reader, VARINT, WireError, Writer } from "../proto/wire.js";
import { InvalidProfilesError } from "./invalid.js";
import { maxValueDepth } from "./tables.js";

/**
 * The slow path: rewrites a legal but odd request (fields in parts, unpacked scalars, references, an older layout) to
 * the plain shape of the current layout, unknown fields included. Whether indices are in range and strings are text is
 * left to the scanner, which reads what was written here.
 */
export function normalizeRequest(buf: Buffer, layout: Layout): Buffer {
  try {
    return new Normalizer(buf, layout).run();
  } catch (caught) {
    if (caught instanceof WireError) throw new InvalidProfilesError(caught.message);
    throw caught;
  }
}

/** Pieces of one field's content, as [start, end) pairs in order. */
type Parts = number[];

class Normalizer {
  private readonly buf: Buffer;
  private readonly shapes: ReadonlyMap<string, Shape>;
  private readonly out: Writer;
  /** [start, end) of every string of string_table. */
  private readonly strings: Parts = [];
  private attributeCount = 0;
  /** Attributes that stand for what the current layout has no field for: appended to the dictionary. */
  private readonly extraAttributes: Buffer[] = [];
  private commentKey = -1;

  constructor(buf: Buffer, layout: Layout) {
    this.buf = buf;
    this.out = new Writer(buf.length + 64);
    this.shapes = new Map([...shapes, ...(layouts.get(layout) ?? [])]);
  }

  run(): Buffer {
    const reader = new Reader(this.buf, 0, this.buf.length);
    const dictionary: Parts = [];
    const resources: Parts = [];
    const unknown: Parts = [];
    while (reader.next()) {
      if (reader.field > 2) {
        reader.skip();
        unknown.push(reader.fieldStart, reader.pos);
        continue;
      }
      expectWireType(reader, LEN, "ExportProfilesServiceRequest");
      const length = reader.length();
      (reader.field === 1 ? resources : dictionary).push(reader.pos, reader.pos + length);
      reader.pos += length;
    }
    this.findStrings(dictionary);
    for (let i = 0; i < resources.length; i += 2) {
      this.nested(1, "ResourceProfiles", [resources[i], resources[i + 1]], 0);
    }
    if (dictionary.length > 0) this.writeDictionary(dictionary);
    this.raw(unknown);
    return this.out.copyOut();
  }

  private findStrings(dictionary: Parts): void {
    for (let i = 0; i < dictionary.length; i += 2) {
      const reader = new Reader(this.buf, dictionary[i], dictionary[i + 1]);
      while (reader.next()) {
        if (reader.wireType === LEN && (reader.field === 5 || reader.field === 6)) {
          const length = reader.length();
          if (reader.field === 5) this.strings.push(reader.pos, reader.pos + length);
          else this.attributeCount++;
          reader.pos += length;
        } else reader.skip();
      }
    }
  }

  private writeDictionary(parts: Parts): void {
    const { out } = this;
    out.tag(2, LEN);
    const start = out.pos;
    out.varint(0);
    this.content("ProfilesDictionary", parts, 0);
    for (const attribute of this.extraAttributes) out.lengthDelimited(6, attribute);
    if (this.commentKey >= 0) out.string(5, "pprof.profile.comment");
    out.closeLength(start);
  }

  private nested(field: number, shape: string, parts: Parts, depth: number): void {
    this.out.tag(field, LEN);
    const start = this.out.pos;
    this.out.varint(0);
    this.content(shape, parts, depth);
    this.out.closeLength(start);
  }

  /** Writes the content of one message, given all its parts. */
  private content(name: string, parts: Parts, depth: number): void {
    if (depth > maxValueDepth) throw new WireError("attribute values nest too deep");
    const shape = this.shapes.get(name) as Shape;
    const unknown: Parts = [];
    const gathered = new Map<Field, Parts>();
    let member: Field | undefined;
    for (let i = 0; i < parts.length; i += 2) {
      const reader = new Reader(this.buf, parts[i], parts[i + 1]);
      while (reader.next()) {
        const field = shape.fields.get(reader.field);
        if (!field) {
          reader.skip();
          unknown.push(reader.fieldStart, reader.pos);
        } else if (field.repeated && (field.kind === "message" || field.kind === "string")) {
          this.element(reader, field, name, depth);
        } else {
          if (shape.oneof && member !== field) {
            this.checkReplaced(gathered, name, depth);
            gathered.clear();
            member = field;
          }
          gather(reader, field, name, gathered);
        }
      }
    }
    for (const [field, pieces] of gathered) if (field.name !== "key_strindex") this.field(field, pieces, name, depth);
    // Behind a plain key, should there be one as well: the last one counts.
    for (const [field, pieces] of gathered) if (field.name === "key_strindex") this.field(field, pieces, name, depth);
    this.raw(unknown);
  }

  /** A member that a later one replaces is not written, but it must be well-formed all the same. */
  private checkReplaced(gathered: ReadonlyMap<Field, Parts>, name: string, depth: number): void {
    const { pos } = this.out;
    for (const [field, parts] of gathered) this.field(field, parts, name, depth);
    this.out.pos = pos;
  }

  /** One element of a repeated message or string. */
  private element(reader: Reader, field: Field, message: string, depth: number): void {
    expectWireType(reader, LEN, message);
    const length = reader.length();
    const start = reader.pos;
    reader.pos += length;
    if (field.kind === "string") this.out.lengthDelimited(field.number, this.buf, start, start + length);
    else this.nested(field.number, field.shape, [start, start + length], depth + (field.shape === "AnyValue" ? 1 : 0));
  }

  /** Writes a field from all that was given of it: lists in one packed chunk, messages merged, of scalars the last. */
  private field(field: Field, parts: Parts, message: string, depth: number): void {
    const { out, buf } = this;
    if (field.number === commentField) {
      this.comments(parts);
      return;
    }
    const start = parts[parts.length - 2];
    const end = parts[parts.length - 1];
    if (field.kind === "message") {
      this.nested(field.number, field.shape, parts, depth + (field.shape === "AnyValue" ? 1 : 0));
    } else if (field.repeated) {
      let length = 0;
      for (let i = 0; i < parts.length; i += 2) length += parts[i + 1] - parts[i];
      if (length === 0) return;
      out.tag(field.number, LEN);
      out.varint(length);
      this.raw(parts);
    } else if (field.kind === "varint" && field.name.endsWith("_strindex") && isReference(message)) {
      this.reference(field, start, end);
    } else if (field.kind === "string" || field.kind === "bytes") {
      out.lengthDelimited(field.number, buf, start, end);
    } else {
      out.tag(field.number, field.kind === "varint" ? VARINT : FIXED64);
      out.raw(buf, start, end);
    }
  }

  /** key_strindex and string_value_strindex become plain strings. */
  private reference(field: Field, start: number, end: number): void {
    const index = new Reader(this.buf, start, end).int32();
    if (field.name === "key_strindex" && index === 0) return;
    const count = this.strings.length / 2;
    if (index < 0 || index >= Math.max(count, 1)) {
      throw new InvalidProfilesError(`${field.name} ${index} is out of range (string_table has ${count} entries)`);
    }
    const from = count === 0 ? 0 : this.strings[2 * index];
    this.out.lengthDelimited(1, this.buf, from, count === 0 ? 0 : this.strings[2 * index + 1]);
  }

  /** Protocol 1.8's comments go on as the attribute that semantic conventions have for them. */
  private comments(parts: Parts): void {
    const value = new Writer();
    for (let i = 0; i < parts.length; i += 2) {
      const reader = new Reader(this.buf, parts[i], parts[i + 1]);
      while (reader.pos < reader.end) {
        const index = reader.int32();
        if (index < 0 || index * 2 >= this.strings.length) {
          throw new InvalidProfilesError(`comment index ${index} is out of range`);
        }
        const [from, to] = [this.strings[2 * index], this.strings[2 * index + 1]];
        value.message(1, (writer) => writer.lengthDelimited(1, this.buf, from, to));
      }
    }
    if (value.pos === 0) return;
    this.commentKey = this.strings.length / 2;
    const entry = new Writer();
    entry.tag(1, VARINT);
    entry.varint(this.commentKey);
    entry.message(2, (writer) => writer.lengthDelimited(5, value.buf, 0, value.pos));
    this.extraAttributes.push(entry.copyOut());
    // One element of attribute_indices on its own: the second normalization joins the lists.
    this.out.tag(11, VARINT);
    this.out.varint(this.attributeCount + this.extraAttributes.length - 1);
  }

  private raw(parts: Parts): void {
    for (let i = 0; i < parts.length; i += 2) this.out.raw(this.buf, parts[i], parts[i + 1]);
  }
}

/** Messages in which a string index stands for a string of its own. */
function isReference(message: string): boolean {
  return message === "KeyValue" || message === "AnyValue";
}

function expectWireType(reader: Reader, wireType: number, message: string): void {
  if (reader.wireType === wireType) return;
  throw new WireError(`wrong wire type ${reader.wireType} for field ${reader.field} of ${message}`);
}

const wireTypes = { varint: VARINT, fixed64: FIXED64, string: LEN, bytes: LEN, message: LEN };

/** Notes where a field's content is: a packed list's inside, a single scalar's bytes, a message's or string's content. */
function gather(reader: Reader, field: Field, message: string, gathered: Map<Field, Parts>): void {
  const packed = field.repeated && reader.wireType === LEN;
  if (!packed) expectWireType(reader, wireTypes[field.kind], message);
  let start: number;
  if (reader.wireType === LEN) {
    const length = reader.length();
    start = reader.pos;
    reader.pos += length;
    if (packed) checkPacked(reader.buf, start, reader.pos, field.kind);
    if (field.kind === "string" && !isUtf8(reader.buf.subarray(start, reader.pos))) {
      throw new WireError(`${field.name} of ${message} is not valid UTF-8`);
    }
  } else {
    start = reader.pos;
    reader.skip();
  }
  const parts = gathered.get(field);
  if (!parts) gathered.set(field, [start, reader.pos]);
  else if (field.repeated || field.kind === "message") parts.push(start, reader.pos);
  else {
    parts[0] = start;
    parts[1] = reader.pos;
  }
}

/** A packed chunk must hold whole elements, or the next chunk would complete its last one. */
function checkPacked(buf: Buffer, start: number, end: number, kind: string): void {
  if (kind === "fixed64" && (end - start) % 8 !== 0)
    throw new WireError("a packed list that is no multiple of 8 bytes");
  if (kind === "varint" && end > start && buf[end - 1] >= 0x80) {
    throw new WireError("a packed list that ends inside a varint");
  }
}
