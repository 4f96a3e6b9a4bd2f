import { OutTable } from "./out-table.js";
import { TABLES } from "./tables.js";

/** The tables of a dictionary being built. */
export class OutDictionary {
  readonly tables: readonly OutTable[] = Array.from({ length: 8 }, (_, table) => new OutTable(table));

  reset(): void {
    for (const table of TABLES) this.tables[table].reset();
  }

  get byteSize(): number {
    let size = 0;
    for (const table of TABLES) size += this.tables[table].out.pos;
    return size;
  }
}
