import { type Elf, fileRangeAt } from "./elf.js";
import type { FrameColumns } from "./frame-columns.js";
import { GoMemory } from "./go-memory.js";
import { findGoModule, type GoModule } from "./go-module.js";
import { fieldBytes, type GoTable, goTableVersions, hasOffsets, readGoTable } from "./go-table.js";
import { InvalidBinaryError } from "./invalid-binary.js";
import {
  ANSWER,
  ANSWER_NUMBERS,
  ENDS,
  FRAME_COUNT,
  FRAMES,
  FUNCTION_COUNT,
  FUNCTIONS,
  MAX_FRAMES,
  OFFSETS,
  RANGES,
  TEXT_BYTES,
  TEXT_COUNT,
  TEXTS,
} from "./wasm/layout.js";

/** Bytes behind the begin of the last tree of inlined calls that are read with it: 16 for each call. */
const lastTreeBytes = 256 * 1024;
/** Frames of an address for which there is room at first: most answers have fewer in the mean. */
const usualFrames = 4;
const maxOffset = 0xffffffff;

/** Where functions begin. */
export interface GoStarts {
  readonly count: number;
  /** Address of the function at this place in the order of addresses. */
  startAt(place: number): number;
}

export function goStarts(elf: Elf, table: GoTable, bytes: Buffer): GoStarts {
  const offsets = new Uint32Array(table.functionCount + 1);
  const base = readStarts(table, findGoModule(elf, table), bytes, offsets);
  return { count: table.functionCount, startAt: (place) => base + offsets[place] };
}

/** The functions of a binary's line table; undefined where it has none. */
export function readGoFunctions(elf: Elf, maxBytes: number): GoFunctions | undefined {
  let memory: GoMemory | undefined;
  const table = readGoTable(elf, maxBytes, (size) => {
    memory = new GoMemory(size);
    return memory.table;
  });
  return table && memory && new GoFunctions(elf, table, memory);
}

/** Functions whose tables and look-up are in WebAssembly: that runs at full speed for each new binary from its first address on. */
export class GoFunctions {
  readonly count: number;
  /** Address that offsets count from. */
  private readonly base: number;
  private readonly memory: GoMemory;
  private usedBytes: number;

  constructor(elf: Elf, table: GoTable, memory: GoMemory) {
    this.count = table.functionCount;
    this.memory = memory;
    const { exports } = memory;
    const module = findGoModule(elf, table);
    const { size, quantum, pointerBytes, functionCount } = table;
    exports.openTable(size, goTableVersions.indexOf(table.version), quantum, pointerBytes, functionCount);
    const { namesAt, unitsAt, filesAt, valuesAt, functionsAt, tableAt } = table;
    exports.openParts(namesAt, unitsAt, filesAt, valuesAt, functionsAt, tableAt);
    exports.openRecords(module.functionData ?? -1);
    const startsAt = exports.startsAt();
    memory.reach(startsAt + 8 * (functionCount + 1));
    const starts = new Uint32Array(exports.memory.buffer, startsAt, functionCount + 1);
    this.base = readStarts(table, module, memory.table, starts);
    const end = exports.indexTables() >>> 0;
    if (end === 0) throw new InvalidBinaryError("a Go line table that there is no memory for");
    this.usedBytes = end + this.readTrees(elf, table, end);
    exports.openAnswers(this.usedBytes);
  }

  get byteSize(): number {
    return this.usedBytes;
  }

  /** The frames at addresses; none where no Go function is. The answer is good until the next one is asked for. */
  framesAt(addresses: ArrayLike<number>): FrameColumns {
    const { base } = this;
    const { exports } = this.memory;
    const count = addresses.length;
    this.openAnswer(count, usualFrames * count);
    const offsets = new Uint32Array(exports.memory.buffer, this.numbers()[OFFSETS], count);
    for (let i = 0; i < count; i++) {
      const offset = addresses[i] - base;
      // There is no function at the highest offset.
      offsets[i] = offset >= 0 && offset <= maxOffset ? offset : maxOffset;
    }
    if (exports.answer(count) === 0) {
      this.openAnswer(count, MAX_FRAMES * count);
      exports.answer(count);
    }
    const { buffer } = exports.memory;
    const numbers = this.numbers();
    this.usedBytes = Math.max(this.usedBytes, numbers[TEXTS] + numbers[TEXT_BYTES]);
    return {
      texts: {
        bytes: new Uint8Array(buffer, numbers[TEXTS], numbers[TEXT_BYTES]),
        ends: new Int32Array(buffer, numbers[ENDS], numbers[TEXT_COUNT]),
      },
      functions: new Int32Array(buffer, numbers[FUNCTIONS], 4 * numbers[FUNCTION_COUNT]),
      frames: new Int32Array(buffer, numbers[FRAMES], 2 * numbers[FRAME_COUNT]),
      ranges: new Int32Array(buffer, numbers[RANGES], 2 * count),
    };
  }

  private openAnswer(count: number, frames: number): void {
    const isRoom = this.memory.exports.openAnswer(count, frames) !== 0;
    if (!isRoom) throw new RangeError("more addresses than can be looked up at once");
  }

  private numbers(): Uint32Array {
    return new Uint32Array(this.memory.exports.memory.buffer, ANSWER, ANSWER_NUMBERS);
  }

  /** Reads the trees of inlined calls, where the line table doesn't have them, to a place in the memory; returns how many bytes. */
  private readTrees(elf: Elf, table: GoTable, at: number): number {
    const { memory } = this;
    const lowest = memory.exports.lowestTree.value;
    const bytes = memory.exports.highestTree.value - lowest + lastTreeBytes;
    const isInTable = lowest >= table.address && lowest < table.address + table.size;
    const [start, end] = (isInTable ? undefined : fileRangeAt(elf, lowest)) ?? [0, 0];
    // They are much smaller than the table.
    const length = Math.max(Math.min(bytes, end - start, elf.source.size - start, table.size), 0);
    memory.exports.openTrees(table.address, lowest, at, length);
    if (length === 0) return 0;
    memory.reach(at + length);
    elf.source.readInto(memory.bytes(at, length), start, length);
    return length;
  }
}

/** Writes where the functions begin, and behind them where the last one ends, as offsets from what it returns. */
function readStarts(table: GoTable, { textStart }: GoModule, bytes: Buffer, offsets: Uint32Array): number {
  const size = fieldBytes(table);
  const wordAt = (at: number) => bytes.readUInt32LE(at) + (size === 8 ? bytes.readUInt32LE(at + 4) * 4294967296 : 0);
  const first = hasOffsets(table) || table.functionCount === 0 ? 0 : wordAt(table.tableAt);
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = Math.min(Math.max(wordAt(table.tableAt + 2 * i * size) - first, 0), maxOffset);
  }
  return hasOffsets(table) ? textStart : first;
}
