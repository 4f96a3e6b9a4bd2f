import { VARINT, Writer } from "../../src/proto/wire.js";
import type { Random } from "./random.js";

const texts = ["main.", "größe", "日本", "a/b", "x", "deadbeef", "runtime/"];
const names = ["", "samples", "count", "cpu", "nanoseconds", "trace_id", "span_id", "profile_id"];
const ids = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
const [traceKey, spanKey, profileKey, traceText, spanText] = [5, 6, 7, 8, 9];

function field(out: Writer, number: number, value: number | bigint): void {
  out.tag(number, VARINT);
  out.varint64(BigInt(value));
}

function packed(out: Writer, number: number, list: readonly (number | bigint)[], isPacked: boolean): void {
  if (!isPacked) for (const value of list) field(out, number, value);
  else if (list.length > 0) {
    out.message(number, () => {
      for (const value of list) out.varint64(BigInt(value));
    });
  }
}

function listOf<T>(length: number, make: (i: number) => T): T[] {
  return Array.from({ length }, (_, i) => make(i));
}

/** A whole pprof, good in everything: ids of any size, inlined calls, labels of each form, links, fields in any order. */
export function randomPprof(random: Random): Buffer {
  const strings = [
    ...names,
    ...ids,
    ...listOf(random.int(60) + 1, (i) => random.pick(texts) + "f".repeat(random.int(30)) + i),
  ];
  const string = () => random.int(strings.length);
  const idOf = random.pick<(i: number) => number | bigint>([
    (i) => i + 1,
    (i) => i + 1,
    (i) => (i + 1) * 1_000_003,
    (i) => (1n << 63n) + BigInt(i * 7),
  ]);
  const types = random.int(random.chance(0.1) ? 8 : 3) + 1;
  const mappings = random.int(4);
  const functions = random.int(random.chance(0.2) ? 200 : 20);
  const locations = random.int(random.chance(0.2) ? 400 : 30);
  const fields: Buffer[] = [];
  const message = (number: number, write: (out: Writer) => void) => {
    const out = new Writer();
    out.message(number, () => write(out));
    fields.push(out.copyOut());
  };
  const some = (out: Writer, chance: number, number: number, value: () => number | bigint) => {
    if (random.chance(chance)) field(out, number, value());
  };
  for (let i = 0; i < types; i++) {
    message(1, (out) => {
      field(out, 1, string());
      some(out, 0.9, 2, string);
    });
  }
  for (let i = 0; i < mappings; i++) {
    message(3, (out) => {
      field(out, 1, idOf(i));
      for (const number of [2, 3, 4]) some(out, 0.8, number, () => BigInt(random.int(1e9)) << BigInt(random.int(30)));
      for (const number of [5, 6]) some(out, 0.8, number, string);
      for (const number of [7, 8, 9, 10]) some(out, 0.5, number, () => 1);
    });
  }
  for (let i = 0; i < functions; i++) {
    message(5, (out) => {
      field(out, 1, idOf(i));
      for (const number of [2, 3, 4]) some(out, 0.9, number, string);
      some(out, 0.5, 5, () => random.int(100_000) - 100);
    });
  }
  for (let i = 0; i < locations; i++) {
    message(4, (out) => {
      field(out, 1, idOf(i));
      if (mappings > 0) some(out, 0.8, 2, () => idOf(random.int(mappings)));
      some(out, 0.8, 3, () => BigInt(random.int(1e9)) << BigInt(random.int(34)));
      for (let lines = functions === 0 ? 0 : random.int(random.chance(0.2) ? 6 : 2); lines > 0; lines--) {
        out.message(4, () => {
          field(out, 1, idOf(random.int(functions)));
          some(out, 0.9, 2, () => random.int(20_000));
          some(out, 0.1, 3, () => random.int(300));
        });
      }
      some(out, 0.1, 5, () => 1);
    });
  }
  const label = (out: Writer) => {
    const kind = random.int(8);
    field(out, 1, [traceKey, spanKey, profileKey][kind] ?? string());
    if (kind === 0) field(out, 2, random.chance(0.8) ? traceText : string());
    else if (kind < 3) field(out, 2, random.chance(0.8) ? spanText : string());
    else if (kind < 6) field(out, 2, string());
    else {
      field(out, 3, random.int(2_000_000) - 1000);
      some(out, 0.5, 4, string);
    }
  };
  const stacks = listOf(10, () => listOf(locations === 0 ? 0 : random.int(40), () => idOf(random.int(locations))));
  for (let i = random.int(random.chance(0.2) ? 200 : 20); i > 0; i--) {
    message(2, (out) => {
      const parts = [
        () => packed(out, 1, random.pick(stacks), random.chance(0.85)),
        () =>
          packed(
            out,
            2,
            listOf(types, () => BigInt(random.int(1e6) - 10) << BigInt(random.int(40))),
            random.chance(0.85),
          ),
        () => out.message(3, () => label(out)),
        () => out.message(3, () => label(out)),
      ];
      const count = random.int(3) + 2;
      for (const at of random.pick([
        [0, 1, 2, 3],
        [1, 0, 2, 3],
        [2, 0, 3, 1],
        [2, 3, 1, 0],
      ]))
        if (at < count) parts[at]();
    });
  }
  for (let i = fields.length - 1; i > 0 && random.chance(0.95); i--) {
    const other = random.int(i + 1);
    [fields[i], fields[other]] = [fields[other], fields[i]];
  }
  const out = new Writer();
  for (const each of fields) out.raw(each, 0, each.length);
  for (const text of strings) out.string(6, text);
  for (const number of [7, 8, 14, 15]) some(out, 0.2, number, string);
  some(out, 0.9, 9, () => 1_795_000_000_000_000_000n);
  some(out, 0.9, 10, () => random.int(1e9));
  if (random.chance(0.9)) out.lengthDelimited(11, Buffer.from([0x08, string(), 0x10, string()]));
  some(out, 0.9, 12, () => random.int(1e9));
  packed(out, 13, listOf(random.int(3), string), random.chance(0.5));
  return out.finish();
}
