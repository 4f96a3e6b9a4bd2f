import type { FrameColumnsBuilder } from "./frame-columns.js";
import type { GoCalls } from "./go-calls.js";
import type { GoFunctions } from "./go-functions.js";
import { CALLS, FILES, GoRecord, goName, LINES, noOffset } from "./go-record.js";
import type { GoTable } from "./go-table.js";
import type { PcTables } from "./pc-tables.js";

/** Deepest nesting of inlined calls that is followed: a tree that loops ends here. */
const maxInlineDepth = 128;

/** Adds the frames of Go functions to an answer, of one function after the other. */
export class GoFrames {
  private readonly table: GoTable;
  private readonly calls: GoCalls;
  private readonly out: FrameColumnsBuilder;
  private readonly record: GoRecord;
  private readonly values: PcTables;
  /** The function, by its place in the order of addresses; -1 is none. */
  place = -1;
  private isOpen = false;
  /** Place in the answer of its name; -1 until it is asked for. */
  private name = -1;
  /** Places in the answer of names and files, by where the table has them. */
  private readonly names = new Map<number, number>();
  private readonly systemNames = new Map<number, number>();
  private readonly fileNames = new Map<number, number>();
  private lastFileAt = -1;
  private lastFile = 0;

  constructor({ table, module, values, calls }: GoFunctions, out: FrameColumnsBuilder) {
    this.table = table;
    this.calls = calls;
    this.out = out;
    this.record = new GoRecord(table, module);
    this.values = values;
  }

  /** From now on the frames are those of this function, whose record begins at byte `at` of the table. */
  open(place: number, at: number): void {
    this.place = place;
    this.isOpen = this.record.open(at);
    this.name = -1;
  }

  /** Adds the frames at `pc`, an offset from the function's start; false where there are none. */
  add(pc: number): boolean {
    if (!this.isOpen) return false;
    const { record, values, calls, place } = this;
    let at = pc;
    let file = this.fileAt(at);
    let line = values.valueAt(place, LINES, at);
    let isNamed = false;
    for (let depth = 0; depth < maxInlineDepth && this.findCall(at); depth++) {
      const { nameAt, parentPc, startLine } = calls;
      if (!this.addFrame(nameAt, this.nameOf(nameAt), file, line, startLine)) break;
      isNamed = true;
      if (parentPc < 0 || parentPc === at) break;
      at = parentPc;
      file = this.fileAt(at);
      line = values.valueAt(place, LINES, at);
    }
    if (this.name < 0) this.name = this.nameOf(record.nameAt);
    return this.addFrame(record.nameAt, this.name, file, line, record.startLine) || isNamed;
  }

  /** False where the function has no name. */
  private addFrame(nameAt: number, name: number, file: number, line: number, startLine: number): boolean {
    if (name === 0) return false;
    const { out, systemNames } = this;
    const systemName = systemNames.size === 0 ? 0 : (systemNames.get(nameAt) ?? 0);
    out.add(out.functions.at(name, systemName, file, startLine), Math.max(line, 0));
    return true;
  }

  private nameOf(at: number): number {
    return this.names.get(at) ?? this.readName(at);
  }

  private readName(at: number): number {
    const { texts } = this.out;
    let place = texts.addTerminated(this.table.view, at);
    if (texts.hasBracket) {
      const inTable = texts.last();
      const name = goName(inTable);
      if (name !== inTable) {
        this.systemNames.set(at, place);
        place = texts.add(name);
      }
    }
    this.names.set(at, place);
    return place;
  }

  private fileAt(pc: number): number {
    const { bytes, filesAt, unitsAt, version, view } = this.table;
    const number = this.values.valueAt(this.place, FILES, pc);
    if (version === "1.2") {
      const at = filesAt + 4 * number;
      return number > 0 && at + 4 <= bytes.length ? this.fileName(view.getUint32(at, true)) : 0;
    }
    const { unit } = this.record;
    const at = unitsAt + 4 * (unit + number);
    if (number < 0 || unit === noOffset || at + 4 > bytes.length) return 0;
    const offset = view.getUint32(at, true);
    return offset === noOffset ? 0 : this.fileName(filesAt + offset);
  }

  private fileName(at: number): number {
    // Neighbours are mostly of one file.
    if (at === this.lastFileAt) return this.lastFile;
    let place = this.fileNames.get(at);
    if (place === undefined) {
      place = this.out.texts.addTerminated(this.table.view, at);
      this.fileNames.set(at, place);
    }
    this.lastFileAt = at;
    this.lastFile = place;
    return place;
  }

  /** Reads the innermost call that is inlined at `pc`; false where none is. */
  private findCall(pc: number): boolean {
    const number = this.values.valueAt(this.place, CALLS, pc);
    return number >= 0 && this.calls.read(this.record.treeAddress, number);
  }
}
