import { type TinyElf, type TinySection, tinyElf } from "./tiny-elf.js";

/** Builds the tables that Go puts into a program, for a few functions. */
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

/** Releases that changed the tables; the first one has no inlined calls in them. */
export const tinyGoReleases = ["1.2", "1.16", "1.18", "1.20", "1.27"] as const;
export type TinyGoRelease = (typeof tinyGoReleases)[number];

const magics: Readonly<Record<TinyGoRelease, number>> = {
  "1.2": 0xfffffffb,
  "1.16": 0xfffffffa,
  "1.18": 0xfffffff0,
  "1.20": 0xfffffff1,
  "1.27": 0xfffffff1,
};
const textAddress = 0x401000;
const tableAddress = 0x10000000;
const moduleAddress = 0x20000000;
const inlineAddress = 0x30000000;
/** Code that nobody reads is not written. */
const maxCodeBytes = 64 * 1024;

/** A program with these functions one after the other from the start of .text. */
export function tinyGo(
  functions: readonly TinyGoFunction[],
  elf: Omit<TinyElf, "text" | "sections"> = {},
  release: TinyGoRelease = "1.20",
): Buffer {
  const size = functions.reduce((sum, { size }) => sum + size, 0);
  const text = { address: textAddress, size, content: Buffer.alloc(Math.min(size, maxCodeBytes), 0x90) };
  const { table, trees } = lineTable(functions, release);
  const whole = release === "1.27" ? Buffer.concat([table, trees]) : table;
  const sections: TinySection[] = [
    { name: ".gopclntab", flags: 2, address: tableAddress, content: whole },
    { name: ".noptrdata", flags: 3, address: moduleAddress, content: moduleData(table, whole, size, release) },
  ];
  if (whole === table) sections.push({ name: ".rodata", flags: 2, address: inlineAddress, content: trees });
  return tinyElf({ type: 2, ...elf, text, sections });
}

/** From Go 1.27 on the trees of inlined calls stand behind the table, and in other words of the module data. */
function moduleData(table: Buffer, whole: Buffer, textSize: number, release: TinyGoRelease): Buffer {
  const words = new Array<number>(48).fill(0);
  words[0] = tableAddress;
  words[1] = tableAddress + Number(table.readBigUInt64LE(32));
  words[22] = textAddress;
  words[23] = textAddress + textSize;
  if (whole === table) words[release === "1.18" ? 38 : 40] = inlineAddress;
  else {
    // Sizes of what is elsewhere.
    words[40] = textAddress;
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

  /** As long as a multiple of 8. */
  get bytes(): Buffer {
    return padded(Buffer.concat(this.parts));
  }
}

/** What a function has in the parts of the table. */
interface Facts {
  readonly entry: number;
  readonly name: number;
  readonly files: number;
  readonly lines: number;
  /** 0 where it has no calls. */
  readonly calls: number;
  readonly tree: number;
  readonly startLine: number;
}

function lineTable(functions: readonly TinyGoFunction[], release: TinyGoRelease): { table: Buffer; trees: Buffer } {
  const names = new Pool(Buffer.alloc(1));
  const files = new Pool(Buffer.alloc(1));
  const values = new Pool(Buffer.alloc(1));
  const units = [...new Set(functions.map(({ file }) => file))];
  const unit = units.map((file) => files.add(Buffer.from(`${file}\0`)));
  const trees: Buffer[] = [];
  let entry = 0;
  let treeAt = 0;
  const facts = functions.map((each): Facts => {
    const calls = each.inlined ?? [];
    const tree = Buffer.concat(calls.map((call) => callOf(call, names.add(Buffer.from(`${call.name}\0`)), release)));
    // The first file has the number 1 before there were units.
    const number = units.indexOf(each.file) + (release === "1.2" ? 1 : 0);
    const found = {
      entry,
      name: names.add(Buffer.from(`${each.name}\0`)),
      files: values.add(steps([[0, number]], each.size)),
      lines: values.add(steps(each.lines, each.size)),
      calls: calls.length > 0 && release !== "1.2" ? values.add(steps(innermost(calls, each.size), each.size)) : 0,
      tree: treeAt,
      startLine: each.startLine,
    };
    trees.push(tree);
    entry += each.size;
    treeAt += tree.length;
    return found;
  });
  const pools = [names.bytes, padded(words(unit)), files.bytes, values.bytes];
  const table =
    release === "1.2" ? oldTable(facts, entry, unit, pools) : newTable(facts, entry, units.length, pools, release);
  return { table, trees: Buffer.concat(trees) };
}

function callOf({ parentPc, startLine }: TinyInlinedCall, name: number, release: TinyGoRelease): Buffer {
  const isNew = release === "1.20" || release === "1.27";
  return words(isNew ? [0, name, parentPc, startLine] : [0, 0, 0, name, parentPc]);
}

/** From Go 1.16 on parts have places of their own. */
function newTable(
  facts: readonly Facts[],
  end: number,
  units: number,
  pools: readonly Buffer[],
  release: TinyGoRelease,
): Buffer {
  const hasPointers = release === "1.16";
  const index = facts.flatMap(({ entry }) => [entry, 0]);
  const indexOf = (numbers: readonly number[]) => {
    return padded(
      hasPointers ? longs(numbers.map((number, i) => number + (i % 2 === 0 ? textAddress : 0))) : words(numbers),
    );
  };
  const records = facts.map((each) => recordOf(each, release));
  let at = indexOf([...index, end]).length;
  records.forEach((record, i) => {
    index[2 * i + 1] = at;
    at += record.length;
  });
  const parts = [...pools, Buffer.concat([indexOf([...index, end]), ...records])];
  const numbers = [facts.length, units, ...(hasPointers ? [] : [0])];
  let partAt = 8 * (1 + numbers.length + parts.length);
  for (const part of parts) {
    numbers.push(partAt);
    partAt += part.length;
  }
  return Buffer.concat([magicOf(release), longs(numbers), ...parts]);
}

/** Up to Go 1.15 all places count from the table's first byte. */
function oldTable(facts: readonly Facts[], end: number, unit: readonly number[], pools: readonly Buffer[]): Buffer {
  const [names, , files, values] = pools;
  const fileTableAt = 8 * (2 * facts.length + 4);
  const namesAt = fileTableAt + padded(words([0, ...unit])).length;
  const filesAt = namesAt + names.length;
  const valuesAt = filesAt + files.length;
  const recordsAt = valuesAt + values.length;
  const records = facts.map((each) => {
    const moved = { ...each, name: namesAt + each.name, files: valuesAt + each.files, lines: valuesAt + each.lines };
    return recordOf(moved, "1.2");
  });
  const index = facts.flatMap(({ entry }, i) => [textAddress + entry, recordsAt + i * records[0].length]);
  return Buffer.concat([
    magicOf("1.2"),
    longs([facts.length, ...index, textAddress + end, fileTableAt]),
    padded(words([unit.length + 1, ...unit.map((file) => filesAt + file)])),
    names,
    files,
    values,
    ...records,
  ]);
}

/** A function's record, as long as a multiple of 8. */
function recordOf({ entry, name, files, lines, calls, tree, startLine }: Facts, release: TinyGoRelease): Buffer {
  const isNew = release === "1.20" || release === "1.27";
  const start = release === "1.2" || release === "1.16" ? longs([textAddress + entry]) : words([entry]);
  // The highest byte of the last one counts the data by function: as many as the inline tree, the fourth, needs.
  const fields = [name, 0, 0, 0, files, lines, 3, 0, ...(isNew ? [startLine] : []), 4 << 24, 0, 0, calls];
  const head = Buffer.concat([start, words(fields)]);
  // Pointers are aligned.
  if (release === "1.16") return Buffer.concat([padded(head), longs([0, 0, 0, inlineAddress + tree])]);
  return padded(Buffer.concat([head, words([-1, -1, -1, calls > 0 ? tree : -1])]));
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

function magicOf(release: TinyGoRelease): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(magics[release], 0);
  head.set([1, 8], 6);
  return head;
}

function words(numbers: readonly number[]): Buffer {
  return Buffer.from(Int32Array.from(numbers).buffer);
}

function longs(numbers: readonly number[]): Buffer {
  return Buffer.from(BigUint64Array.from(numbers, BigInt).buffer);
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
