import { FIELD_ZERO, GROUP, LARGE_TAG, UNKNOWN_WIRE_TYPE } from "../../pdata/wasm/faults";
import { fail, readVarint, skipField, varint } from "../../pdata/wasm/primitives";
import { WRONG_TYPE } from "./faults";

/** The tag that readField read last. */
export let field: u32 = 0;

/** Reads a tag at p (p < end), which may be any: what isn't known is skipUnknown's. */
export function readField(p: usize, end: usize): usize {
  field = u32(load<u8>(p));
  if (field < 0x80) return p + 1;
  p = readVarint(p, end);
  if (p === 0) return 0;
  if (varint > 0xffffffff) return fail(LARGE_TAG, p);
  field = u32(varint);
  return p;
}

/**
 * Skips the value of the field that readField read. Fields up to `known` are refused: they have another wire type than they
 * should, and skipped they would be lost without a word.
 */
export function skipUnknown(p: usize, end: usize, known: u32, message: i32): usize {
  const wireType = field & 7;
  if (field >>> 3 === 0) return fail(FIELD_ZERO, p);
  if (wireType === 3 || wireType === 4) return fail(GROUP, p);
  if (wireType > 5) return fail(UNKNOWN_WIRE_TYPE, p);
  if (field >>> 3 <= known) return fail(WRONG_TYPE, p, field, message);
  return skipField(p, end, wireType);
}
