import { internRecord } from "../../pdata/wasm/intern";
import { OUT_COUNTS } from "../../pdata/wasm/layout";

/** What bytes of the pprof became: records that are no entries of a table, with a number in the place of the index. */

/** True where `recall` made the record; then its number has to be stored there. */
export let isNew: bool = false;

/** The record of the content [start, end), which begins with its number. There is room for it. */
export function recall(start: usize, end: usize): usize {
  const before = load<u32>(OUT_COUNTS);
  const record = internRecord(0, start, end);
  isNew = load<u32>(OUT_COUNTS) !== before;
  return record;
}
