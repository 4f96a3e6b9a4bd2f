import { LEN, Reader, VARINT, Writer } from "../proto/wire.js";
import type { KeyValue } from "./any-value.js";
import { encodeAnyValue } from "./any-value-codec.js";
import type { Dictionary } from "./dictionary.js";
import { IntListTable } from "./int-list-table.js";
import { OutTable } from "./out-table.js";
import { STACK } from "./tables.js";

export interface EditedSamples {
  /** The profile's sample fields, tags included. */
  readonly samples: Buffer;
  readonly count: number;
  /** Sample messages that were dropped. */
  readonly dropped: number;
}

/** A sample as it is written again; several that became equal share one. */
interface Group {
  readonly stack: number;
  readonly set: number;
  readonly link: number;
  readonly shape: number;
  /** Packed timestamps and values, as pieces of the profile's bytes ([start, end) pairs). */
  timestamps: number[];
  values: number[];
  unknown: number[];
  members: number;
}

const timestampsOnly = 1;
const valuesOnly = 2;

const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);

/**
 * Maps the attribute sets of a profile's samples, each distinct set once, and joins the samples that became equal:
 * same stack, same set of attributes, same link, same shape (timestamps, values, or pairs of both: they never mix).
 * Timestamps and pairs are appended, totals are added. Returns undefined where nothing changed.
 */
export function editSamples(
  buf: Buffer,
  start: number,
  end: number,
  dictionary: Dictionary,
  edit: (attributes: readonly KeyValue[]) => readonly KeyValue[] | null,
): EditedSamples | undefined {
  const sets = new SetEditor(dictionary, edit);
  const stacks = new StackIdentity(dictionary);
  const groups: Group[] = [];
  const byIdentity = new IntListTable();
  const identity = new Int32Array(4);
  let dropped = 0;
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip();
      continue;
    }
    const sample = readSample(reader.message(), sets);
    if (sample.set < 0) {
      dropped++;
      continue;
    }
    identity[0] = stacks.of(sample.stack);
    identity[1] = sample.set;
    identity[2] = sets.link(sample.link);
    identity[3] = sample.shape;
    const number = byIdentity.addList(identity);
    if (number === groups.length) groups.push(sample);
    else join(groups[number], sample);
  }
  if (!sets.changed) return undefined;
  const out = new Writer(end - start);
  let count = 0;
  for (const group of groups) count += writeGroup(out, buf, group, sets);
  return { samples: out.finish(), count, dropped };
}

function readSample(reader: Reader, sets: SetEditor): Group {
  let stack = 0;
  let link = 0;
  let set = -2;
  let timestamps = noPieces;
  let values = noPieces;
  let unknown = noPieces;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        stack = reader.int32();
        break;
      case 2:
        set = sets.map(reader.message());
        break;
      case 3:
        link = reader.int32();
        break;
      case 4:
      case 5: {
        const length = reader.length();
        const end = reader.pos + length;
        if (length > 0 && reader.field === 4) values = withPiece(values, reader.pos, end);
        else if (length > 0) timestamps = withPiece(timestamps, reader.pos, end);
        reader.pos = end;
        break;
      }
      default:
        reader.skip();
        unknown = withPiece(unknown, reader.fieldStart, reader.pos);
    }
  }
  if (set === -2) set = sets.mapEmpty();
  const shape = (timestamps.length > 0 ? timestampsOnly : 0) | (values.length > 0 ? valuesOnly : 0);
  return { stack, set, link, shape, timestamps, values, unknown, members: 1 };
}

function join(group: Group, sample: Group): void {
  group.timestamps = withPieces(group.timestamps, sample.timestamps);
  group.values = withPieces(group.values, sample.values);
  group.unknown = withPieces(group.unknown, sample.unknown);
  group.members++;
}

/** Shared by all samples that have none of a kind. */
const noPieces: number[] = [];

/** The list itself, which grows, unless it is the shared one. */
function withPiece(pieces: number[], start: number, end: number): number[] {
  if (pieces === noPieces) return [start, end];
  pieces.push(start, end);
  return pieces;
}

function withPieces(pieces: number[], more: number[]): number[] {
  if (pieces === noPieces) return more;
  for (const at of more) pieces.push(at);
  return pieces;
}

/** Writes the sample of a group; where its sum would not fit 64 bits, several. Returns how many. */
function writeGroup(out: Writer, buf: Buffer, group: Group, sets: SetEditor): number {
  const totals = group.shape === valuesOnly && group.members > 1 ? sums(buf, group.values) : undefined;
  const count = totals?.length ?? 1;
  for (let i = 0; i < count; i++) {
    out.message(2, () => {
      if (group.stack !== 0) {
        out.tag(1, VARINT);
        out.varint(group.stack);
      }
      const list = sets.list(group.set);
      if (list.length > 0) {
        out.message(2, () => {
          for (const index of list) out.varint(index);
        });
      }
      if (group.link !== 0) {
        out.tag(3, VARINT);
        out.varint(group.link);
      }
      if (totals) out.message(4, () => out.varint64(totals[i]));
      else writePieces(out, 4, buf, group.values);
      writePieces(out, 5, buf, group.timestamps);
      if (i === 0)
        for (let u = 0; u < group.unknown.length; u += 2) out.raw(buf, group.unknown[u], group.unknown[u + 1]);
    });
  }
  return count;
}

function writePieces(out: Writer, field: number, buf: Buffer, pieces: readonly number[]): void {
  let length = 0;
  for (let i = 0; i < pieces.length; i += 2) length += pieces[i + 1] - pieces[i];
  if (length === 0) return;
  out.tag(field, LEN);
  out.varint(length);
  for (let i = 0; i < pieces.length; i += 2) out.raw(buf, pieces[i], pieces[i + 1]);
}

/** The values added up; a new total is begun where the sum would leave 64 bits. */
function sums(buf: Buffer, pieces: readonly number[]): bigint[] {
  const totals = [0n];
  for (let i = 0; i < pieces.length; i += 2) {
    const reader = new Reader(buf, pieces[i], pieces[i + 1]);
    while (reader.pos < reader.end) {
      const value = reader.int64();
      const sum = totals[totals.length - 1] + value;
      if (sum > maxInt64 || sum < minInt64) totals.push(value);
      else totals[totals.length - 1] = sum;
    }
  }
  return totals;
}

/** Gives stacks of equal content the index of the first one seen. */
class StackIdentity {
  private readonly dictionary: Dictionary;
  private alone = -1;
  private several: Several | undefined;

  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
  }

  of(index: number): number {
    // Most profiles of a host are of one sample: nothing to compare it with, and no tables to be made.
    if (this.alone < 0) this.alone = index;
    if (this.alone === index) return index;
    this.several ??= severalOf(this.dictionary, this.alone);
    const known = this.several.known[index];
    return known !== 0 ? known - 1 : find(this.several, this.dictionary, index);
  }
}

interface Several {
  readonly contents: OutTable;
  /** Per stack of the dictionary, 1 + the index of its first equal; 0 = not seen. */
  readonly known: Int32Array;
  readonly first: number[];
}

function severalOf(dictionary: Dictionary, alone: number): Several {
  const known = new Int32Array(Math.max(dictionary.stackCount, 1));
  const several = { contents: new OutTable(STACK), known, first: [0] };
  find(several, dictionary, alone);
  return several;
}

function find({ contents, known, first }: Several, dictionary: Dictionary, index: number): number {
  dictionary.locate(STACK, index);
  const number = contents.add(dictionary.atBuf, dictionary.atStart, dictionary.atEnd);
  if (number === first.length) first.push(index);
  known[index] = first[number] + 1;
  return first[number];
}

const untouched = -3;

/** Edits each distinct attribute set once and numbers the results. */
class SetEditor {
  changed = false;
  private readonly dictionary: Dictionary;
  private readonly edit: (attributes: readonly KeyValue[]) => readonly KeyValue[] | null;
  private readonly incoming = new IntListTable();
  /** Per incoming set, the number of the outgoing one, or -1 where its samples are dropped. */
  private readonly outcome: number[] = [];
  private readonly outgoing = new IntListTable();
  /** Outgoing sets in the order their attributes are written (identity ignores order). */
  private readonly written: Int32Array[] = [];
  private readonly attributes = new Map<number, KeyValue>();
  private readonly indexOf = new Map<KeyValue, number>();
  private readonly contents = new Map<string, number>();
  private readonly links = new Map<number, number>();

  constructor(dictionary: Dictionary, edit: (attributes: readonly KeyValue[]) => readonly KeyValue[] | null) {
    this.dictionary = dictionary;
    this.edit = edit;
  }

  /** Number of the edited set, -1 to drop. */
  map(reader: Reader): number {
    return this.outcomeOf(this.incoming.add(reader));
  }

  mapEmpty(): number {
    return this.outcomeOf(this.incoming.addEmpty());
  }

  list(set: number): Int32Array {
    return this.written[set];
  }

  /** A link that is all zero is no link. */
  link(index: number): number {
    if (index === 0) return 0;
    let canonical = this.links.get(index);
    if (canonical === undefined) {
      const { traceId, spanId } = this.dictionary.link(index);
      const zero = traceId.every((byte) => byte === 0) && spanId.every((byte) => byte === 0);
      canonical = zero ? 0 : index;
      this.links.set(index, canonical);
    }
    return canonical;
  }

  private outcomeOf(incoming: number): number {
    if (incoming < this.outcome.length) return this.outcome[incoming];
    const before = this.incoming.list(incoming).slice();
    const outcome = this.edited(before);
    this.outcome.push(outcome);
    return outcome;
  }

  private edited(before: Int32Array): number {
    const list = Array.from(before, (index) => this.attribute(index));
    const result = this.edit(list);
    if (result === null) {
      this.changed = true;
      return -1;
    }
    if (result === list) return this.number(before);
    this.changed = true;
    return this.number(Int32Array.from(result, (attribute) => this.indexFor(attribute)));
  }

  private attribute(index: number): KeyValue {
    let attribute = this.attributes.get(index);
    if (!attribute) {
      attribute = this.dictionary.attribute(index);
      this.attributes.set(index, attribute);
      this.indexOf.set(attribute, index);
    }
    return attribute;
  }

  private indexFor(attribute: KeyValue): number {
    let index = this.indexOf.get(attribute);
    if (index === undefined) {
      index = this.dictionary.appendAttribute(attribute);
      this.attributes.set(index, attribute);
      this.indexOf.set(attribute, index);
    }
    return index;
  }

  /** Attributes compare by content and as a set: equal ones at two indices are one. */
  private number(list: Int32Array): number {
    const identity = Int32Array.from(list, (index) => this.canonical(index)).sort();
    let kept = 0;
    for (let i = 0; i < identity.length; i++)
      if (i === 0 || identity[i] !== identity[i - 1]) identity[kept++] = identity[i];
    const number = this.outgoing.addList(identity.subarray(0, kept));
    if (number === this.written.length) {
      const distinct = list.filter(
        (index, at) => list.findIndex((o) => this.canonical(o) === this.canonical(index)) === at,
      );
      this.written.push(distinct);
    }
    return number;
  }

  private readonly canonicals: number[] = [];

  private canonical(index: number): number {
    const known = this.canonicals[index] ?? untouched;
    if (known !== untouched) return known;
    const attribute = this.attribute(index);
    const value = new Writer(32);
    encodeAnyValue(value, attribute.value);
    const content = `${attribute.key.length}:${attribute.key}${attribute.unit.length}:${attribute.unit}${value.buf.latin1Slice(0, value.pos)}`;
    let canonical = this.contents.get(content);
    if (canonical === undefined) {
      canonical = index;
      this.contents.set(content, index);
    }
    this.canonicals[index] = canonical;
    return canonical;
  }
}
