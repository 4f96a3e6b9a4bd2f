import { type BuildIds, buildIdsOf } from "./build-id.js";
import type { ByteSource } from "./byte-source.js";
import { type Elf, parseElf } from "./elf.js";
import { type FrameColumns, FrameColumnsBuilder } from "./frame-columns.js";
import { GoFrames } from "./go-frames.js";
import { GoFunctions } from "./go-functions.js";
import { readGoTable } from "./go-table.js";
import { InvalidBinaryError } from "./invalid-binary.js";
import type { Segment } from "./segments.js";
import { hasSymbolTable, readSymbolTable, type SymbolTable } from "./symbol-table.js";

/** A binary whose functions can be looked up by ELF virtual address. */
export interface Binary {
  readonly ids: BuildIds;
  readonly segments: readonly Segment[];
  /** True if its symbols were stripped, no file with them is at hand, and it is not of Go. */
  readonly isStripped: boolean;
  /** Functions in its tables. */
  readonly functionCount: number;
  /** Bytes of memory that its tables keep; more of them when more has been asked for. */
  readonly byteSize: number;
  framesAt(addresses: ArrayLike<number>): FrameColumns;
  close(): void;
}

export interface BinaryOptions {
  /** Largest table that is read. */
  readonly maxTableBytes: number;
  /** Makes of a name in the symbol table what people read. */
  readonly demangle: (name: string) => string;
}

/**
 * Reads the tables of a binary. `debug` is the same build's file with the symbols that were stripped from it. A table
 * that is broken is left out where another one can be read; where none can, it throws InvalidBinaryError. `source` stays
 * open until `close`, `debug` is closed.
 */
export function openBinary(source: ByteSource, options: BinaryOptions, debug?: ByteSource): Binary {
  try {
    return readTables(source, options, debug);
  } finally {
    debug?.close();
  }
}

function readTables(source: ByteSource, options: BinaryOptions, debug: ByteSource | undefined): Binary {
  const elf = parseElf(source);
  const faults: InvalidBinaryError[] = [];
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (caught) {
      if (!(caught instanceof InvalidBinaryError)) throw caught;
      faults.push(caught);
      return undefined;
    }
  };
  const go = attempt(() => goFunctionsOf(elf, options));
  const debugSymbols = debug && attempt(() => readSymbolTable(parseElf(debug), options.maxTableBytes));
  const symbols = debugSymbols ?? attempt(() => readSymbolTable(elf, options.maxTableBytes));
  if (!go && !symbols && faults.length > 0) throw faults[0];
  return {
    ids: buildIdsOf(elf),
    segments: elf.segments,
    isStripped: !go && !debugSymbols && !hasSymbolTable(elf),
    functionCount: (go?.count ?? 0) + (symbols?.count ?? 0),
    get byteSize() {
      return (go?.byteSize ?? 0) + (symbols?.byteSize ?? 0) + 4096;
    },
    framesAt: (addresses) => framesAt(addresses, go, symbols, options.demangle),
    close: () => source.close(),
  };
}

function goFunctionsOf(elf: Elf, { maxTableBytes }: BinaryOptions): GoFunctions | undefined {
  const table = readGoTable(elf, maxTableBytes);
  return table && new GoFunctions(elf, table);
}

/** Go's own table first: it knows lines and inlined calls. */
function framesAt(
  addresses: ArrayLike<number>,
  go: GoFunctions | undefined,
  symbols: SymbolTable | undefined,
  demangle: (name: string) => string,
): FrameColumns {
  const out = new FrameColumnsBuilder(addresses.length);
  const goFrames = go && new GoFrames(go, out);
  let lastName = "";
  let last = 0;
  const addSymbol = (address: number): void => {
    const name = symbols?.nameAt(address) ?? "";
    if (name === "") return;
    // Neighbours are often of the same function.
    if (name !== lastName) last = symbolInto(out, name, demangle(name));
    lastName = name;
    out.add(last, 0);
  };
  const order = inOrder(addresses);
  for (let at = 0; at < order.length; at++) {
    out.begin(order[at]);
    const address = addresses[order[at]];
    if (!(go && goFrames && go.addFrames(address, goFrames))) addSymbol(address);
  }
  return out.build();
}

function symbolInto({ texts, functions }: FrameColumnsBuilder, inFile: string, name: string): number {
  return functions.at(texts.add(name), name === inFile ? 0 : texts.add(inFile), 0, 0);
}

/** Most addresses that are looked up in order, and the highest address: together they have to fit into one double. */
const maxOrdered = 2 ** 13;
const maxOrderedAddress = 2 ** 40 - 1;

/** Places of the addresses in the order of these: tables are read from the beginning to the end. */
function inOrder(addresses: ArrayLike<number>): ArrayLike<number> {
  const keys = new Float64Array(addresses.length);
  for (let i = 0; i < keys.length; i++) {
    keys[i] = keys.length > maxOrdered ? i : Math.min(addresses[i], maxOrderedAddress) * maxOrdered + i;
  }
  if (keys.length > maxOrdered) return keys;
  keys.sort();
  for (let i = 0; i < keys.length; i++) keys[i] -= Math.floor(keys[i] / maxOrdered) * maxOrdered;
  return keys;
}
