/** Steps from one place that is remembered to the next. */
const stride = 8;
/** Numbers of a place: the pc and the value that it begins with, and where its next step is. */
const placeNumbers = 3;
const firstPlaces = 1024;
/** Most steps of a table that are read: one that is longer is broken, or of a function of megabytes. */
const maxSteps = 1024 * 1024;
/** Steps per byte that are read of all tables: functions may share one, but more is no program. */
const maxStepsPerByte = 4;
const maxPc = 0x7fffffff;
/** Two varints of 32 bits. */
const longestStep = 10;

/**
 * Values by pc as Go writes them, some tables for each function: pairs of varints, how the value changes and for how long it
 * holds. All are read once, and places on the way are remembered, so that a look-up reads a few steps of a table.
 */
export class PcTables {
  private readonly bytes: Uint8Array;
  private readonly quantum: number;
  private readonly columns: number;
  /** Where the tables of a function begin, one after the other; 0 is none. */
  private readonly starts: Uint32Array;
  /** Where in `places` theirs begin; those of a table go to where the next one's begin. */
  private readonly firsts: Uint32Array;
  private places = new Int32Array(placeNumbers * firstPlaces);
  /** Where a walk is: steps that were read, the pc up to which they go, the value that the last one has, the next step. */
  private steps = 0;
  private pc = 0;
  private value = -1;
  private at = 0;

  /** `starts` has `columns` tables for each function. */
  constructor(bytes: Uint8Array, quantum: number, columns: number, starts: Uint32Array) {
    this.bytes = bytes;
    this.quantum = quantum;
    this.columns = columns;
    this.starts = starts;
    this.firsts = new Uint32Array(starts.length + 1);
    let stepsLeft = maxStepsPerByte * bytes.length;
    let count = 0;
    for (let i = 0; i < starts.length; i++) {
      if (starts[i] !== 0 && stepsLeft > 0) {
        this.goTo(0, -1, starts[i]);
        while (this.walk(maxPc, stride) && this.steps < maxSteps) {
          this.remember(count++);
          stepsLeft -= stride;
        }
      }
      this.firsts[i + 1] = count;
      stepsLeft--;
    }
    this.places = this.places.slice(0, placeNumbers * count);
  }

  get byteSize(): number {
    return this.starts.byteLength + this.firsts.byteLength + this.places.byteLength;
  }

  /** The value of a function's table at `pc`, an offset from the function's start; -1 where the table has none. */
  valueAt(place: number, column: number, pc: number): number {
    const { places, firsts, starts } = this;
    const table = place * this.columns + column;
    if (starts[table] === 0) return -1;
    let low = firsts[table];
    let high = firsts[table + 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (places[placeNumbers * middle] <= pc) low = middle + 1;
      else high = middle;
    }
    if (low === firsts[table]) this.goTo(0, -1, starts[table]);
    else {
      const at = placeNumbers * (low - 1);
      this.goTo(places[at], places[at + 1], places[at + 2]);
      this.steps = 1;
    }
    return this.walk(pc, maxSteps) && this.pc > pc ? this.value : -1;
  }

  private goTo(pc: number, value: number, at: number): void {
    this.steps = 0;
    this.pc = pc;
    this.value = value;
    this.at = at;
  }

  /** Reads on to the step that holds `wanted`, at most `count` of them; false where the table ends before that. */
  private walk(wanted: number, count: number): boolean {
    const { bytes, quantum } = this;
    const lastWhole = bytes.length - longestStep;
    let { steps, pc, value, at } = this;
    const end = steps + count;
    let isIn = true;
    while (isIn && steps < end && pc <= wanted) {
      const start = at;
      let delta = 0;
      let length = 0;
      let isLong = start > lastWhole;
      if (!isLong) {
        // Of one byte or two, without a branch: which of them can't be foretold.
        const first = bytes[at];
        const second = bytes[at + 1];
        delta = (first & 0x7f) | ((second & -(first >>> 7)) << 7);
        at += 1 + (first >>> 7);
        const third = bytes[at];
        const fourth = bytes[at + 1];
        length = (third & 0x7f) | ((fourth & -(third >>> 7)) << 7);
        at += 1 + (third >>> 7);
        isLong = ((first & second) | (third & fourth)) >= 0x80;
      }
      if (isLong) {
        this.at = start;
        delta = this.varint();
        length = this.varint();
        at = this.at;
      }
      pc += length * quantum;
      isIn = (delta !== 0 || steps === 0) && pc <= maxPc;
      value = (value + ((delta >>> 1) ^ -(delta & 1))) | 0;
      steps++;
    }
    this.steps = steps;
    this.pc = pc;
    this.value = value;
    this.at = at;
    return isIn;
  }

  private remember(count: number): void {
    const at = placeNumbers * count;
    if (at + placeNumbers > this.places.length) {
      const larger = new Int32Array(2 * this.places.length);
      larger.set(this.places);
      this.places = larger;
    }
    this.places[at] = this.pc;
    this.places[at + 1] = this.value;
    this.places[at + 2] = this.at;
  }

  /** The number that begins at `at`, of 32 bits at most; 0 past the end of the bytes. */
  private varint(): number {
    const { bytes } = this;
    let value = 0;
    let byte = 0x80;
    for (let shift = 0; byte >= 0x80 && shift < 35 && this.at < bytes.length; shift += 7) {
      byte = bytes[this.at++];
      value |= (byte & 0x7f) << shift;
    }
    return value >>> 0;
  }
}
