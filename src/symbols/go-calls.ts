import { BlockReader } from "./blocks.js";
import type { Elf } from "./elf.js";
import type { GoTable } from "./go-table.js";

/** Inlined calls as the file has them, one after the other. */
export class GoCalls {
  /** Where the table has the name of the function. */
  nameAt = 0;
  /** Where the call stands in the function that it is inlined into, as an offset; negative where it stands nowhere. */
  parentPc = 0;
  /** 0 where the table doesn't say. */
  startLine = 0;
  private readonly elf: Elf;
  private readonly table: GoTable;
  private readonly blocks: BlockReader;

  constructor(elf: Elf, table: GoTable) {
    this.elf = elf;
    this.table = table;
    this.blocks = new BlockReader(elf.source);
  }

  /** Reads a call of the tree that begins at an address; false where there is none. */
  read(tree: number, number: number): boolean {
    const { address, bytes, namesAt, version } = this.table;
    const isNew = version === "1.20";
    const callBytes = isNew ? 16 : 20;
    const offset = tree + number * callBytes - address;
    // From Go 1.27 on the line table holds them.
    const isInTable = offset >= 0 && offset + callBytes <= bytes.length;
    const call = isInTable ? bytes : this.readFile(offset + address, callBytes);
    if (!call) return false;
    const at = isInTable ? offset : this.blocks.at;
    const nameOffset = call.readInt32LE(at + (isNew ? 4 : 12));
    this.nameAt = namesAt + nameOffset;
    this.parentPc = call.readInt32LE(at + (isNew ? 8 : 16));
    this.startLine = isNew ? Math.max(call.readInt32LE(at + 12), 0) : 0;
    return nameOffset >= 0;
  }

  private readFile(address: number, length: number): Buffer | undefined {
    for (const { address: start, offset, fileSize } of this.elf.segments) {
      if (address < start || address + length > start + fileSize) continue;
      return this.blocks.read(offset + address - start, length);
    }
    return undefined;
  }
}
