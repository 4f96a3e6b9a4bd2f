import { type BuildIds, buildIdsOf } from "./build-id.js";
import type { ByteSource } from "./byte-source.js";
import { type Elf, parseElf } from "./elf.js";
import type { Frame } from "./frame.js";
import { createGoFunctions, type GoFunctions } from "./go-functions.js";
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
  /** Innermost inlined function first; undefined where the binary has no name for the address. */
  framesAt(address: number): Frame[] | undefined;
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
    framesAt: (address) => framesOf(address, go, symbols, options.demangle),
    close: () => source.close(),
  };
}

function goFunctionsOf(elf: Elf, { maxTableBytes }: BinaryOptions): GoFunctions | undefined {
  const table = readGoTable(elf, maxTableBytes);
  return table && createGoFunctions(elf, table);
}

/** Go's own table first: it knows lines and inlined calls. */
function framesOf(
  address: number,
  go: GoFunctions | undefined,
  symbols: SymbolTable | undefined,
  demangle: (name: string) => string,
): Frame[] | undefined {
  const frames = go?.framesAt(address);
  if (frames && frames.length > 0) return frames;
  const systemName = symbols?.nameAt(address);
  if (systemName === undefined || systemName === "") return undefined;
  const name = demangle(systemName);
  return [{ name, systemName: name === systemName ? "" : systemName, file: "", line: 0, startLine: 0 }];
}
