/** Structured fields of a log line. */
export type Fields = Record<string, unknown>;

/** One line per call, to stderr. Messages are constant sentences; what varies goes into the fields. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds `fields` to every line. */
  with(fields: Fields): Logger;
}

/** Drops every line: for tests and for `validate`. */
export const nopLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => nopLogger,
};
