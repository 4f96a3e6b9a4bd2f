import { top } from "../../pdata/wasm/arena";
import { copy, varintSize } from "../../pdata/wasm/out";
import { ROW_BYTES, SPAN } from "./layout";
import { need } from "./memory";
import { SAMPLE } from "./numbers";
import { count } from "./parts";
import { rows, typeBytes } from "./samples";
import { highBits } from "./short";
import { putIndex } from "./values";

/*
 * Sample { stack_index 1, attribute_indices 2, link_index 3, values 4 }
 */

/** Writes the samples with their next value, for the profile of the next sample type; SPAN says where they stand until more is added. */
export function writeSamples(): void {
  need(typeBytes);
  const past = rows + usize(count(SAMPLE)) * ROW_BYTES;
  let out = top;
  for (let row = rows; row < past; row += ROW_BYTES) {
    const stack = load<u32>(row);
    const fields = usize(load<u32>(row + 4));
    const value = usize(load<u32>(row + 8));
    const fieldBytes: usize = fields === 0 ? 0 : usize(load<u32>(fields));
    const bytes = numberBytes(value);
    const stackBytes: usize = stack === 0 ? 0 : 1 + varintSize(stack);
    const size = stackBytes + fieldBytes + 2 + bytes;
    store<u32>(row + 8, u32(value + bytes));
    store<u8>(out, 0x12);
    out = putIndex(out + 1, u32(size));
    if (stack !== 0) {
      store<u8>(out, 0x08);
      out = putIndex(out + 1, stack);
    }
    if (fieldBytes !== 0) {
      copy(out, fields + 4, fieldBytes);
      out += fieldBytes;
    }
    store<u16>(out, 0x22 | u32(bytes << 8));
    store<u64>(out + 2, load<u64>(value));
    store<u16>(out + 10, load<u16>(value + 8));
    out += 2 + bytes;
  }
  store<u32>(SPAN, u32(top));
  store<u32>(SPAN + 4, u32(out));
}

/** Bytes of the varint at p, ten at most. */
function numberBytes(p: usize): usize {
  const stops = ~load<u64>(p) & highBits;
  if (stops !== 0) return (usize(ctz(stops)) >>> 3) + 1;
  return load<u8>(p + 8) < 0x80 ? 9 : 10;
}
