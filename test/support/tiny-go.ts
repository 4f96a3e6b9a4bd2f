import { type TinyElf, type TinySection, tinyElf } from "./tiny-elf.js";

/** Builds the tables that Go 1.20 and later put into a program, for a few functions. */
export interface TinyGoFunction {
  readonly name: string;
  readonly size: number;
  readonly file: string;
  readonly startLine: number;
  /** Line by offset from the function's start, in order; the first one from 0. */
  readonly lines: readonly (readonly [pc: number, line: number])[];
  /** Calls inlined into it. */
  readonly inlined?: readonly TinyInlinedCall[];
}

export interface TinyInlinedCall {
  readonly name: string;
  /** [from, to) in the function. */
  readonly from: number;
  readonly to: number;
  /** Where the call stands: an offset in the function, inside of the call that it is inlined into. */
  readonly parentPc: number;
  readonly startLine: number;
}

const tableAddress = 0x100000;
const moduleAddress = 0x200000;
const inlineAddress = 0x300000;
const headerBytes = 72;

/** A program with these functions one after the other from the start of .text. */
export function tinyGo(
  functions: readonly TinyGoFunction[],
  elf: Omit<TinyElf, "text" | "sections"> = {},
  release: "1.20" | "1.27" = "1.20",
): Buffer {
  const text = { address: 0x401000, size: functions.reduce((sum, { size }) => sum + size, 0) };
  const { table, trees } = lineTable(functions);
  const whole = release === "1.27" ? Buffer.concat([table, trees]) : table;
  const sections: TinySection[] = [
    { name: ".gopclntab", flags: 2, address: tableAddress, content: whole },
    {
      name: ".noptrdata",
      flags: 3,
      address: moduleAddress,
      content: moduleData(table, whole, text.address, text.size),
    },
  ];
  if (whole === table) sections.push({ name: ".rodata", flags: 2, address: inlineAddress, content: trees });
  return tinyElf({ type: 2, ...elf, text, sections });
}

/** From Go 1.27 on the trees of inlined calls stand behind the table, and in other words of the module data. */
function moduleData(table: Buffer, whole: Buffer, textStart: number, textSize: number): Buffer {
  const words = new Array<number>(48).fill(0);
  words[0] = tableAddress;
  words[1] = tableAddress + Number(table.readBigUInt64LE(32));
  words[22] = textStart;
  words[23] = textStart + textSize;
  if (whole === table) words[40] = inlineAddress;
  else {
    // Sizes of what is elsewhere.
    words[40] = textStart;
    words[43] = tableAddress + table.length;
    words[44] = tableAddress + whole.length;
  }
  const content = Buffer.alloc(8 * words.length);
  words.forEach((word, i) => void content.writeBigUInt64LE(BigInt(word), 8 * i));
  return content;
}

/** Texts or tables one after the other, each with its place. */
class Pool {
  readonly parts: Buffer[];
  size: number;
  private readonly places = new Map<string, number>();

  constructor(first: Buffer) {
    this.parts = [first];
    this.size = first.length;
  }

  add(content: Buffer): number {
    const key = content.toString("latin1");
    const known = this.places.get(key);
    if (known !== undefined) return known;
    const at = this.size;
    this.places.set(key, at);
    this.parts.push(content);
    this.size += content.length;
    return at;
  }

  get bytes(): Buffer {
    return Buffer.concat([...this.parts, Buffer.alloc((8 - (this.size % 8)) % 8)]);
  }
}

function lineTable(functions: readonly TinyGoFunction[]): { table: Buffer; trees: Buffer } {
  const names = new Pool(Buffer.alloc(1));
  const files = new Pool(Buffer.alloc(1));
  const values = new Pool(Buffer.alloc(1));
  const name = (text: string) => names.add(Buffer.from(`${text}\0`));
  const units = [...new Set(functions.map(({ file }) => file))];
  const unitTable = Buffer.alloc(8 * Math.ceil(units.length / 2));
  units.forEach((file, i) => void unitTable.writeUInt32LE(files.add(Buffer.from(`${file}\0`)), 4 * i));
  const trees: Buffer[] = [];
  const records: Buffer[] = [];
  const index = Buffer.alloc(8 * functions.length + 4);
  let entry = 0;
  let recordAt = index.length;
  let treeAt = 0;
  functions.forEach((each, i) => {
    const calls = each.inlined ?? [];
    const tree = Buffer.alloc(16 * calls.length);
    calls.forEach((call, at) => {
      tree.writeInt32LE(name(call.name), 16 * at + 4);
      tree.writeInt32LE(call.parentPc, 16 * at + 8);
      tree.writeInt32LE(call.startLine, 16 * at + 12);
    });
    trees.push(tree);
    const record = Buffer.alloc(44 + 4 * 3 + 4 * 4);
    [
      entry,
      name(each.name),
      0,
      0,
      0,
      values.add(steps([[0, units.indexOf(each.file)]], each.size)),
      values.add(steps(each.lines, each.size)),
      3,
      0,
      each.startLine,
    ].forEach((word, at) => void record.writeInt32LE(word, 4 * at));
    // As many of the data by function as the inline tree, the fourth, needs.
    record[43] = 4;
    record.writeInt32LE(calls.length > 0 ? values.add(steps(innermost(calls, each.size), each.size)) : 0, 44 + 8);
    record.fill(0xff, 56);
    if (calls.length > 0) record.writeUInt32LE(treeAt, 56 + 12);
    index.writeUInt32LE(entry, 8 * i);
    index.writeUInt32LE(recordAt, 8 * i + 4);
    records.push(record);
    entry += each.size;
    recordAt += record.length;
    treeAt += tree.length;
  });
  index.writeUInt32LE(entry, 8 * functions.length);
  const parts = [names.bytes, unitTable, files.bytes, values.bytes, Buffer.concat([index, ...records])];
  return {
    table: Buffer.concat([header(functions.length, units.length, parts), ...parts]),
    trees: Buffer.concat(trees),
  };
}

function header(functionCount: number, fileCount: number, parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(headerBytes);
  head.writeUInt32LE(0xfffffff1, 0);
  head.set([1, 8], 6);
  let at = headerBytes;
  const offsets = parts.map((part) => {
    at += part.length;
    return at - part.length;
  });
  [functionCount, fileCount, 0, ...offsets].forEach((word, i) => void head.writeBigUInt64LE(BigInt(word), 8 + 8 * i));
  return head;
}

/** Which call is the innermost one at each offset; -1 where none is. */
function innermost(calls: readonly TinyInlinedCall[], size: number): [number, number][] {
  const out: [number, number][] = [];
  for (let pc = 0; pc < size; pc++) {
    let found = -1;
    calls.forEach(({ from, to }, i) => {
      if (pc >= from && pc < to) found = i;
    });
    if (out.length === 0 || out[out.length - 1][1] !== found) out.push([pc, found]);
  }
  return out;
}

/** A table of pc deltas: value change in zigzag, how far it holds, and so on; the value before the first is -1. */
function steps(values: readonly (readonly [number, number])[], size: number): Buffer {
  const bytes: number[] = [];
  const varint = (value: number): void => {
    let rest = value;
    while (rest >= 0x80) {
      bytes.push((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    bytes.push(rest);
  };
  let before = -1;
  values.forEach(([pc, value], i) => {
    const delta = value - before;
    varint(delta < 0 ? -2 * delta - 1 : 2 * delta);
    varint((values[i + 1]?.[0] ?? size) - pc);
    before = value;
  });
  bytes.push(0);
  return Buffer.from(bytes);
}
