import { LEN, Reader, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeAnyValue } from "./any-value-codec.js";
import { Dictionary } from "./dictionary.js";
import { ATTRIBUTE, FUNCTION, MAPPING, STRING, TABLES } from "./tables.js";
import { last, openLength, readTag, readVarint, skipField, span, tag } from "./wire-steps.js";

/** What becomes of the texts of a dictionary: the same text, or the same object, where an edit changes nothing. */
export interface TextEdit {
  /** Of a mapping or a function; undefined = they stay. */
  fileName?(name: string): string;
  /** Of an entry of attribute_table; only the value of what is returned counts. */
  attribute(attribute: KeyValue): KeyValue;
  /** True if `attribute` wants those without text (numbers, bools, bytes), too. */
  readonly wantsAll: boolean;
}

/**
 * The dictionary with its texts edited, each entry once however many samples lead to it; everything else keeps its bytes
 * and its index. The same object where nothing changed. A string that is a file name changes for whatever else it is.
 */
export function withEditedTexts(dictionary: Dictionary, edit: TextEdit): Dictionary {
  const strings = editedFileNames(dictionary, edit);
  const attributes = editedAttributes(dictionary, edit);
  if (strings.size === 0 && attributes.size === 0) return dictionary;
  const out = new Writer(dictionary.byteSize + 64);
  const next = { [STRING]: 0, [ATTRIBUTE]: 0 };
  for (const part of dictionary.content()) {
    const reader = new Reader(part, 0, part.length);
    let copied = 0;
    while (reader.next()) {
      const { field, fieldStart } = reader;
      const isText = field === STRING || field === ATTRIBUTE;
      const index = isText ? next[field]++ : -1;
      const text = field === STRING ? strings.get(index) : undefined;
      const attribute = field === ATTRIBUTE ? attributes.get(index) : undefined;
      if (text === undefined && attribute === undefined) {
        reader.skip();
        continue;
      }
      out.raw(part, copied, fieldStart);
      const entry = reader.message();
      if (text !== undefined) out.string(STRING, text);
      else if (attribute) writeAttribute(out, entry, attribute);
      copied = reader.pos;
    }
    out.raw(part, copied, part.length);
  }
  const counts = new Int32Array(8);
  for (const table of TABLES) counts[table] = dictionary.count(table);
  return new Dictionary(out.buf, 0, out.pos, counts);
}

/** By string index, the file names that changed. */
function editedFileNames(dictionary: Dictionary, edit: TextEdit): Map<number, string> {
  const edited = new Map<number, string>();
  if (!edit.fileName) return edited;
  const seen = new Uint8Array(dictionary.stringCount);
  for (const [table, fileNameTag] of [
    [MAPPING, 0x20],
    [FUNCTION, 0x18],
  ]) {
    for (let i = 1; i < dictionary.count(table); i++) {
      dictionary.locate(table, i);
      const index = fileNameOf(dictionary.atBuf, dictionary.atStart, dictionary.atEnd, fileNameTag);
      if (index <= 0 || seen[index] !== 0) continue;
      seen[index] = 1;
      const before = dictionary.string(index);
      const after = edit.fileName(before);
      if (after !== before) edited.set(index, after);
    }
  }
  return edited;
}

/** The string index of a mapping's or function's file name, without making an object. */
function fileNameOf(buf: Buffer, p: number, end: number, fileNameTag: number): number {
  let index = 0;
  while (p < end) {
    const byte = buf[p];
    if ((byte & 0x87) === 0) {
      p = readVarint(buf, p + 1, end);
      if (byte === fileNameTag) index = last.low;
    } else {
      p = readTag(buf, p, end);
      p = skipField(buf, p, end, tag.value & 7);
    }
  }
  return index;
}

/** By index in attribute_table, the attributes that changed. */
function editedAttributes(dictionary: Dictionary, edit: TextEdit): Map<number, KeyValue> {
  const edited = new Map<number, KeyValue>();
  for (let i = 1; i < dictionary.attributeCount; i++) {
    if (!edit.wantsAll) {
      dictionary.locate(ATTRIBUTE, i);
      if (!holdsText(dictionary.atBuf, dictionary.atStart, dictionary.atEnd)) continue;
    }
    const before = dictionary.attribute(i);
    const after = edit.attribute(before);
    if (after !== before) edited.set(i, after);
  }
  return edited;
}

/** False if the value of the KeyValueAndUnit in [p, end) is a number, a bool, bytes or nothing. */
function holdsText(buf: Buffer, p: number, end: number): boolean {
  while (p < end) {
    if (buf[p] === 0x12) {
      p = openLength(buf, p + 1, end);
      // One field is the rule; of several, or of one that is not known, the decoder finds out.
      return p < span.end && buf[p] !== 0x10 && buf[p] !== 0x18 && buf[p] !== 0x21 && buf[p] !== 0x3a;
    }
    p = readTag(buf, p, end);
    p = skipField(buf, p, end, tag.value & 7);
  }
  return false;
}

/** The entry with another value; its other fields, unknown ones too, are copied. */
function writeAttribute(out: Writer, entry: Reader, { value }: KeyValue): void {
  out.tag(ATTRIBUTE, LEN);
  const lengthAt = out.pos;
  out.varint(0);
  while (entry.next()) {
    const { field, fieldStart } = entry;
    entry.skip();
    if (field !== 2) out.raw(entry.buf, fieldStart, entry.pos);
  }
  out.message(2, () => encodeAnyValue(out, value));
  out.closeLength(lengthAt);
}
