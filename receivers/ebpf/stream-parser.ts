/** Why a part of a stream could not be used. The set is closed: it is a metric label. */
export type StreamFault = "invalid" | "too_long" | "incomplete";

/** Takes the lines of a stream apart. */
export interface StreamParser {
  /** A line without its newline; good during the call only. */
  line(bytes: Buffer): void;
  /** The stream is over; `unfinished` is the line that it ended in the middle of. */
  end(unfinished: Buffer | undefined): void;
}
