import { LEN, Reader, VARINT, Writer } from "../proto/wire.js";
import { Dictionary, type DictLine } from "./dictionary.js";
import { LOCATION, TABLES } from "./tables.js";

/**
 * The dictionary with these locations (by index) having these lines, innermost inlined function first. Everything else
 * keeps its bytes and its index. `dictionary` itself stays as it is.
 */
export function withLocationLines(dictionary: Dictionary, lines: ReadonlyMap<number, readonly DictLine[]>): Dictionary {
  const out = new Writer(dictionary.byteSize + 16 * lines.size + 64);
  let location = 0;
  const content = Reader.idle();
  for (const part of dictionary.content()) {
    const reader = new Reader(part, 0, part.length);
    let copied = 0;
    while (reader.next()) {
      const { fieldStart } = reader;
      const isLocation = reader.field === LOCATION && reader.wireType === LEN;
      const replacement = isLocation ? lines.get(location++) : undefined;
      if (!replacement) {
        reader.skip();
        continue;
      }
      out.raw(part, copied, fieldStart);
      const end = reader.length() + reader.pos;
      writeLocation(out, content.reset(part, reader.pos, end), replacement);
      reader.pos = end;
      copied = end;
    }
    out.raw(part, copied, part.length);
  }
  const counts = new Int32Array(8);
  for (const table of TABLES) counts[table] = dictionary.count(table);
  return new Dictionary(out.buf, 0, out.pos, counts);
}

/** The location with other lines than it had; its other fields, unknown ones too, are copied. */
function writeLocation(out: Writer, location: Reader, lines: readonly DictLine[]): void {
  const start = out.begin(LOCATION);
  while (location.next()) {
    const { fieldStart, field } = location;
    location.skip();
    if (field !== 3) out.raw(location.buf, fieldStart, location.pos);
  }
  for (const { functionIndex, line, column } of lines) {
    const lineStart = out.begin(3);
    if (functionIndex !== 0) {
      out.tag(1, VARINT);
      out.varint(functionIndex);
    }
    writeField(out, 2, line);
    writeField(out, 3, column);
    out.closeLength(lineStart);
  }
  out.closeLength(start);
}

function writeField(out: Writer, field: number, value: bigint): void {
  if (value === 0n) return;
  out.tag(field, VARINT);
  out.varint64(value);
}
