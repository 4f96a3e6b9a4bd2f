/** Numbers of a function: places of the texts of its name, system name and file, then the line that it starts at. */
export const functionNumbers = 4;
/** Functions of one name that are told apart: only a binary that was made to do harm has more of them in many places. */
const maxOfOneName = 32;
/** What a function takes with what it is found by. */
const rowBytes = 60;

/** Functions, each of them once. It only grows. */
export class FunctionRows {
  /** Four numbers for each. */
  readonly numbers: number[];
  /** By name the function that had it last, by function the one before it; -1 is none. */
  private readonly lastOfName: number[] = [];
  private readonly before: number[];

  /** `first` are functions of which none will be asked for any more. */
  constructor(first: ArrayLike<number> = []) {
    this.numbers = Array.from(first);
    this.before = new Array<number>(first.length / functionNumbers).fill(-1);
  }

  get byteSize(): number {
    return rowBytes * this.before.length;
  }

  /** Place of a function. `systemName` is the name as the file has it where that is another, else that of "". */
  at(name: number, systemName: number, file: number, startLine: number): number {
    const { numbers, lastOfName, before } = this;
    while (lastOfName.length <= name) lastOfName.push(-1);
    let place = lastOfName[name];
    for (let tries = 0; place >= 0 && tries < maxOfOneName; tries++) {
      const at = functionNumbers * place;
      if (numbers[at + 2] === file && numbers[at + 3] === startLine && numbers[at + 1] === systemName) return place;
      place = before[place];
    }
    place = before.length;
    before.push(lastOfName[name]);
    lastOfName[name] = place;
    numbers.push(name, systemName, file, startLine);
    return place;
  }
}
