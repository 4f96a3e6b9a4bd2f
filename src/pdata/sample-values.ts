import { LEN, Reader, VARINT, Writer } from "../proto/wire.js";
import { copyFieldsExcept } from "./fields.js";

const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);

/** The sample fields of the Profile message in [start, end), tags included, with every value mapped; held within 64 bits. */
export function mapSampleValues(buf: Buffer, start: number, end: number, map: (value: bigint) => bigint): Buffer {
  const out = new Writer(end - start + 64);
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field !== 2) {
      reader.skip();
      continue;
    }
    const sample = reader.message();
    const values = valuesOf(buf, sample.pos, sample.end);
    out.message(2, () => {
      copyFieldsExcept(out, buf, sample.pos, sample.end, 1 << 4);
      if (values.length > 0) {
        out.message(4, () => {
          for (const value of values) out.varint64(held(map(value)));
        });
      }
    });
  }
  return out.finish();
}

function valuesOf(buf: Buffer, start: number, end: number): bigint[] {
  const values: bigint[] = [];
  const reader = new Reader(buf, start, end);
  while (reader.next()) {
    if (reader.field === 4 && reader.wireType === VARINT) values.push(reader.int64());
    else if (reader.field === 4 && reader.wireType === LEN) {
      const list = reader.message();
      while (list.pos < list.end) values.push(list.int64());
    } else reader.skip();
  }
  return values;
}

function held(value: bigint): bigint {
  return value > maxInt64 ? maxInt64 : value < minInt64 ? minInt64 : value;
}
