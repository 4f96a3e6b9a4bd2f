import { openLength, readVarint, varint } from "../../pdata/wasm/primitives";
import { MESSAGE_LABEL } from "./faults";
import { field, readField, skipUnknown } from "./fields";

/* Label { key 1, str 2, num 3, num_unit 4 } */

/** What readLabel read last. */
export let labelKey: u64 = 0;
export let labelText: u64 = 0;
export let labelNumber: u64 = 0;
export let labelUnit: u64 = 0;

/** Reads the Label in [p, end); false where it is broken. */
export function readLabel(p: usize, end: usize): bool {
  labelKey = 0;
  labelText = 0;
  labelNumber = 0;
  labelUnit = 0;
  while (p < end) {
    p = readField(p, end);
    if (p === 0) return false;
    const number = field >>> 3;
    if (number === 0 || number > 4 || (field & 7) !== 0) p = skipUnknown(p, end, 4, MESSAGE_LABEL);
    else {
      p = readVarint(p, end);
      if (number === 1) labelKey = varint;
      else if (number === 2) labelText = varint;
      else if (number === 3) labelNumber = varint;
      else labelUnit = varint;
    }
    if (p === 0) return false;
  }
  return true;
}

/** Opens the label whose tag stands at p: who collected the run has passed the same bytes. */
export function openLabel(p: usize, end: usize): usize {
  return openLength(readField(p, end), end);
}
