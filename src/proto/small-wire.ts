/**
 * The few wire steps that small messages need. Reading never throws: a message cut short or with wire types we don't know
 * ends the reading, since what it carries is advice from a peer, not data.
 */

/** One field of a message: `value` for varints, `bytes` for length-delimited ones. */
export interface Field {
  readonly number: number;
  readonly value: bigint;
  readonly bytes: Buffer | undefined;
}

/** Calls `visit` for every field; false if the message is broken (the fields before that were visited). */
export function readFields(message: Buffer, visit: (field: Field) => void): boolean {
  let at = 0;
  const varint = (): bigint | undefined => {
    let result = 0n;
    for (let shift = 0n; shift < 70n && at < message.length; shift += 7n) {
      const byte = message[at++];
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, result);
    }
    return undefined;
  };
  while (at < message.length) {
    const tag = varint();
    if (tag === undefined || tag >> 3n === 0n || tag >> 3n > 0x1fff_ffffn) return false;
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (wireType === 0) {
      const value = varint();
      if (value === undefined) return false;
      visit({ number, value, bytes: undefined });
      continue;
    }
    const length = wireType === 2 ? varint() : wireType === 1 ? 8n : wireType === 5 ? 4n : undefined;
    if (length === undefined || length > BigInt(message.length - at)) return false;
    const bytes = message.subarray(at, at + Number(length));
    at += Number(length);
    visit({ number, value: 0n, bytes: wireType === 2 ? bytes : undefined });
  }
  return true;
}

/** A varint; negative numbers as their 64-bit two's complement. */
export function encodeVarint(value: number | bigint): Buffer {
  let rest = BigInt.asUintN(64, BigInt(value));
  const out: number[] = [];
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Buffer.from(out);
}

/** A varint field, or nothing for zero. */
export function varintField(number: number, value: number | bigint): Buffer {
  return BigInt(value) === 0n ? Buffer.alloc(0) : Buffer.concat([encodeVarint(number << 3), encodeVarint(value)]);
}

/** A length-delimited field. */
export function bytesField(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([encodeVarint((number << 3) | 2), encodeVarint(bytes.length), bytes]);
}
