import { type BuildIds, buildIdsOf } from "./build-id.js";
import type { ByteSource } from "./byte-source.js";
import { parseElf } from "./elf.js";
import { type FrameColumns, FrameColumnsBuilder, noFrames } from "./frame-columns.js";
import { type GoFunctions, readGoFunctions } from "./go-functions.js";
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
  /** The answer is good until the next one is asked for: it may stand in the memory in which that is made. */
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
  const go = attempt(() => readGoFunctions(elf, options.maxTableBytes));
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

/** Go's own table first: it knows lines and inlined calls. */
function framesAt(
  addresses: ArrayLike<number>,
  go: GoFunctions | undefined,
  symbols: SymbolTable | undefined,
  demangle: (name: string) => string,
): FrameColumns {
  const found = go?.framesAt(addresses) ?? noFrames(addresses.length);
  let out: FrameColumnsBuilder | undefined;
  /** Functions of symbols. */
  const functions = new Map<number, number>();
  for (let i = 0; symbols && i < addresses.length; i++) {
    if (found.ranges[2 * i + 1] > 0) continue;
    const symbol = symbols.indexAt(addresses[i]);
    if (symbol < 0) continue;
    out ??= new FrameColumnsBuilder(found);
    let place = functions.get(symbol);
    if (place === undefined) {
      place = functionInto(out, symbols.nameOf(symbol), demangle);
      functions.set(symbol, place);
    }
    out.begin(i);
    out.add(place, 0);
  }
  return out?.build() ?? found;
}

function functionInto(
  { texts, functions }: FrameColumnsBuilder,
  inFile: string,
  demangle: (name: string) => string,
): number {
  const name = demangle(inFile);
  return functions.at(texts.add(name), name === inFile ? 0 : texts.add(inFile), 0, 0);
}
