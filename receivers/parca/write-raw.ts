import { InvalidProfilesError } from "../../src/pdata/invalid.js";
import { LEN, Reader, WireError } from "../../src/proto/wire.js";

/** One series of a WriteRawRequest; the profiles are views of the request. */
export interface RawSeries {
  readonly labels: ReadonlyMap<string, string>;
  readonly profiles: readonly Buffer[];
}

/** Series and labels of one request; more are a mistake or an attack. */
const maxSeries = 100_000;
const maxLabels = 1_000;

/** Reads parca.profilestore.v1alpha1.WriteRawRequest (src/proto/parca.proto). Throws InvalidProfilesError. */
export function decodeWriteRaw(body: Buffer): RawSeries[] {
  try {
    const series: RawSeries[] = [];
    const reader = new Reader(body, 0, body.length);
    while (reader.next()) {
      if (reader.field !== 2) reader.skip();
      else {
        if (series.length === maxSeries)
          throw new InvalidProfilesError(`WriteRawRequest: more than ${maxSeries} series`);
        series.push(readSeries(messageOf(reader, "WriteRawRequest")));
      }
    }
    return series;
  } catch (caught) {
    if (!(caught instanceof WireError)) throw caught;
    throw new InvalidProfilesError(`WriteRawRequest: ${caught.message}`);
  }
}

function readSeries(reader: Reader): RawSeries {
  const labels = new Map<string, string>();
  const profiles: Buffer[] = [];
  while (reader.next()) {
    if (reader.field === 1) readLabels(messageOf(reader, "RawProfileSeries"), labels);
    else if (reader.field === 2) {
      const sample = messageOf(reader, "RawProfileSeries");
      let profile: Buffer = Buffer.alloc(0);
      while (sample.next()) {
        if (sample.field === 1) {
          const bytes = messageOf(sample, "RawSample");
          profile = bytes.buf.subarray(bytes.pos, bytes.end);
        } else sample.skip();
      }
      profiles.push(profile);
    } else reader.skip();
  }
  return { labels, profiles };
}

function readLabels(reader: Reader, into: Map<string, string>): void {
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const label = messageOf(reader, "LabelSet");
    let name = "";
    let value = "";
    while (label.next()) {
      if (label.field === 1) name = textOf(messageOf(label, "Label"));
      else if (label.field === 2) value = textOf(messageOf(label, "Label"));
      else label.skip();
    }
    if (into.size >= maxLabels)
      throw new InvalidProfilesError(`WriteRawRequest: more than ${maxLabels} labels in a series`);
    if (name !== "") into.set(name, value);
  }
}

/** The content of a length-delimited field; a known field of another type is refused, or it would be lost silently. */
function messageOf(reader: Reader, message: string): Reader {
  if (reader.wireType !== LEN)
    throw new WireError(`field ${reader.field} of ${message} has wire type ${reader.wireType}`);
  return reader.message();
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf({ buf, pos, end }: Reader): string {
  try {
    return utf8.decode(buf.subarray(pos, end));
  } catch {
    throw new WireError("a label is not UTF-8");
  }
}
