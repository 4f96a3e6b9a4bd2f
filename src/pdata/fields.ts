import { Reader, type Writer } from "../proto/wire.js";

/**
 * Copies the fields of a message to `writer`, all but those whose number is in `left` (a bit mask of 1 << number, for
 * numbers below 31). Runs of fields that stay are copied as one.
 */
export function copyFieldsExcept(writer: Writer, buf: Buffer, start: number, end: number, left: number): void {
  const reader = new Reader(buf, start, end);
  let runStart = start;
  while (reader.next()) {
    const field = reader.field;
    const fieldStart = reader.fieldStart;
    reader.skip();
    if (field > 30 || (left & (1 << field)) === 0) continue;
    if (fieldStart > runStart) writer.raw(buf, runStart, fieldStart);
    runStart = reader.pos;
  }
  if (end > runStart) writer.raw(buf, runStart, end);
}
