import { Reader, WireError } from "../proto/wire.js";
import { gunzip, isGzip } from "./gunzip.js";
import { invalid, TooLargeError } from "./invalid.js";

/*
 * LabelsSnapshot { contexts 1: map<int64, Context>, strings 2: map<int64, string> }
 * Context        { labels 1: map<int64, int64> }: indices of strings.
 */

const format = "jfr labels";
const maxLabels = 2_000_000;

/** The labels that Pyroscope's Java agent sends beside a recording, by the context ids of its events. */
export interface JfrLabels {
  readonly contexts: ReadonlyMap<bigint, readonly (readonly [string, string])[]>;
  readonly strings: ReadonlyMap<bigint, string>;
}

export const noJfrLabels: JfrLabels = { contexts: new Map(), strings: new Map() };

/** Reads a LabelsSnapshot, gzip or plain. Throws InvalidProfilesError. */
export function parseJfrLabels(bytes: Buffer, maxBytes = 16 * 1024 * 1024): JfrLabels {
  const plain = isGzip(bytes) ? gunzip(format, bytes, maxBytes) : bytes;
  if (plain.length > maxBytes) throw new TooLargeError(`${format}: larger than ${maxBytes} bytes`);
  try {
    return read(new Reader(plain, 0, plain.length));
  } catch (caught) {
    if (caught instanceof WireError) throw invalid(format, caught.message);
    throw caught;
  }
}

function read(reader: Reader): JfrLabels {
  const strings = new Map<bigint, string>();
  const raw = new Map<bigint, [bigint, bigint][]>();
  let labels = 0;
  while (reader.next()) {
    if (reader.field > 2) {
      reader.skip();
      continue;
    }
    if (reader.wireType !== 2) throw invalid(format, `field ${reader.field} has wire type ${reader.wireType}`);
    const entry = reader.message();
    if (reader.field === 2) readString(entry, strings);
    else {
      const { key, list } = readContext(entry);
      raw.set(key, list);
      labels += list.length;
      if (labels > maxLabels) throw new TooLargeError(`${format}: more than ${maxLabels} labels`);
    }
  }
  const contexts = new Map<bigint, [string, string][]>();
  for (const [id, list] of raw) {
    const texts = list.map(([key, value]): [string, string] => [strings.get(key) ?? "", strings.get(value) ?? ""]);
    contexts.set(
      id,
      texts.filter(([key]) => key !== ""),
    );
  }
  return { contexts, strings };
}

function readString(entry: Reader, into: Map<bigint, string>): void {
  let key = 0n;
  let text = "";
  while (entry.next()) {
    if (entry.field === 1 && entry.wireType === 0) key = entry.int64();
    else if (entry.field === 2 && entry.wireType === 2) text = entry.string();
    else entry.skip();
  }
  into.set(key, text);
}

function readContext(entry: Reader): { key: bigint; list: [bigint, bigint][] } {
  let key = 0n;
  let list: [bigint, bigint][] = [];
  while (entry.next()) {
    if (entry.field === 1 && entry.wireType === 0) key = entry.int64();
    else if (entry.field === 2 && entry.wireType === 2) list = readPairs(entry.message());
    else entry.skip();
  }
  return { key, list };
}

function readPairs(context: Reader): [bigint, bigint][] {
  const list: [bigint, bigint][] = [];
  while (context.next()) {
    if (context.field !== 1 || context.wireType !== 2) {
      context.skip();
      continue;
    }
    const pair = context.message();
    let key = 0n;
    let value = 0n;
    while (pair.next()) {
      if (pair.field === 1 && pair.wireType === 0) key = pair.int64();
      else if (pair.field === 2 && pair.wireType === 0) value = pair.int64();
      else pair.skip();
    }
    list.push([key, value]);
  }
  return list;
}
