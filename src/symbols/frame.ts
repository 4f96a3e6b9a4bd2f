/** One function at an address. */
export interface Frame {
  /** The name as people read it. */
  readonly name: string;
  /** The name as the file has it where that is another, else "". */
  readonly systemName: string;
  /** "" where the file does not say. */
  readonly file: string;
  /** 0 where the file does not say. */
  readonly line: number;
  readonly startLine: number;
}
