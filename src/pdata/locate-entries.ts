import { STACK } from "./tables.js";
import { openLength, readTag, skipField, span, tag } from "./wire-steps.js";

/** Where the entries of a dictionary that has passed the scan are, in arrays of just their size. */
export function locateEntries(buf: Buffer, p: number, end: number, counts: Int32Array): Int32Array[] {
  const ranges = Array.from(counts, (count) => new Int32Array(2 * count));
  const filled = new Int32Array(8);
  while (p < end) {
    p = readTag(buf, p, end);
    const table = tag.value >>> 3;
    if (table > STACK) {
      p = skipField(buf, p, end, tag.value & 7);
      continue;
    }
    p = openLength(buf, p, end);
    const at = filled[table];
    filled[table] = at + 2;
    ranges[table][at] = p;
    ranges[table][at + 1] = span.end;
    p = span.end;
  }
  return ranges;
}
