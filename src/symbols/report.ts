import { type BuildIds, buildIdsOf, debugLinkOf } from "./build-id.js";
import type { ByteSource } from "./byte-source.js";
import { unwindStarts } from "./eh-frame.js";
import { type Elf, parseElf, SHT_DYNSYM, SHT_SYMTAB, sectionNamed } from "./elf.js";
import { type FramePointers, framePointersOf } from "./frame-pointers.js";
import { goVersionOf } from "./go-build-info.js";
import { type GoStarts, goStarts } from "./go-functions.js";
import { type GoTableVersion, readGoTable } from "./go-table.js";
import { InvalidBinaryError } from "./invalid-binary.js";
import { readSymbols, type SymbolTable } from "./symbol-table.js";

/** What a binary tells of itself that a profiler can use. */
export interface BinaryReport {
  readonly machine: string;
  readonly isPositionIndependent: boolean;
  readonly ids: BuildIds;
  /** Functions in .symtab; undefined where it was stripped. */
  readonly symbols: number | undefined;
  /** Functions in .dynsym: those that others may call. */
  readonly dynamicSymbols: number | undefined;
  readonly go: GoReport | undefined;
  readonly hasDwarf: boolean;
  /** Name of the debug file, by .gnu_debuglink; "" where there is none. */
  readonly debugLink: string;
  readonly framePointers: FramePointers;
}

export interface GoReport {
  /** "go1.22.1"; "" where the program doesn't say. */
  readonly version: string;
  /** Layout of the line table, by the Go release that brought it. */
  readonly table: GoTableVersion;
  readonly functions: number;
}

const machines: Readonly<Record<number, string>> = {
  3: "x86",
  40: "arm",
  62: "x86-64",
  183: "arm64",
  243: "riscv64",
  258: "loongarch64",
};
const ET_DYN = 3;

/** Reads headers, symbol tables and the beginnings of functions. Throws InvalidBinaryError where it is no ELF file. */
export function reportOf(source: ByteSource, maxTableBytes: number): BinaryReport {
  const elf = parseElf(source);
  const go = readable(() => goOf(elf, maxTableBytes));
  const symbols = readable(() => readSymbols(elf, SHT_SYMTAB, maxTableBytes));
  const dynamicSymbols = readable(() => readSymbols(elf, SHT_DYNSYM, maxTableBytes));
  return {
    machine: machines[elf.machine] ?? `machine ${elf.machine}`,
    isPositionIndependent: elf.type === ET_DYN,
    ids: buildIdsOf(elf),
    symbols: symbols?.count,
    dynamicSymbols: dynamicSymbols?.count,
    go: go && { version: goVersionOf(elf), table: go.version, functions: go.count },
    hasDwarf: sectionNamed(elf, ".debug_info", ".zdebug_info") !== undefined,
    debugLink: debugLinkOf(elf).name,
    framePointers: framePointers(elf, go, symbols),
  };
}

function goOf(elf: Elf, maxTableBytes: number): (GoStarts & { readonly version: GoTableVersion }) | undefined {
  let bytes = Buffer.alloc(0);
  const table = readGoTable(elf, maxTableBytes, (size) => {
    bytes = Buffer.allocUnsafeSlow(size);
    return bytes;
  });
  return table && { ...goStarts(elf, table, bytes), version: table.version };
}

/** The list of functions with the most in it: stripping leaves Go's table and what unwinding needs. */
function framePointers(elf: Elf, go: GoStarts | undefined, symbols: SymbolTable | undefined): FramePointers {
  const lists = [go, symbols, readable(() => unwindStarts(elf))].filter((list) => list !== undefined);
  const longest = lists.reduce((best, list) => (list.count > best.count ? list : best), { count: 0, startAt: () => 0 });
  return readable(() => framePointersOf(elf, longest)) ?? { verdict: "unknown", checked: 0, withFramePointer: 0 };
}

/** A table that is broken is one that is not there. */
function readable<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (caught) {
    if (caught instanceof InvalidBinaryError) return undefined;
    throw caught;
  }
}
