import { isUtf8 } from "node:buffer";
import { badInput } from "../../src/component/errors.js";
import { parseBoundedJson } from "../../src/proto/json-reader.js";
import { LEN, Reader, WireError } from "../../src/proto/wire.js";
import type { Label } from "./labels.js";

/** One series of a PushRequest. */
export interface PushedSeries {
  /** Equal only for equal labels; absent where nothing is known of them. */
  readonly labelKey?: string;
  /** Read at each call. Throws for labels that are none. */
  readonly labels: readonly Label[];
  /** pprof each, gzip or plain. */
  readonly samples: readonly Buffer[];
}

/** Series, labels and samples of a request: each takes far more room than the two bytes that it can be written with. */
const maxEntries = 262_144;
/** Objects, lists and keys of a request in JSON. */
const maxJsonParts = 4 * maxEntries;

/** PushRequest { series 1 { labels 1 { name 1, value 2 }, samples 2 { raw_profile 1, ID 2 } } } */
export function decodePush(body: Buffer): PushedSeries[] {
  return judged(() => {
    const series: PushedSeries[] = [];
    let entries = 0;
    const request = new Reader(body, 0, body.length);
    while (request.next()) {
      if (request.field !== 1) {
        request.skip();
        continue;
      }
      if (entries >= maxEntries) throw tooManyEntries();
      const one = new EncodedSeries(lengthDelimited(request, "series"), maxEntries - entries - 1);
      entries += 1 + one.entries;
      series.push(one);
    }
    return series;
  });
}

function judged<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw badInput(`PushRequest: ${error.message}`, { cause: error });
  }
}

function tooManyEntries(): WireError {
  return new WireError(`more than ${maxEntries} series, labels and samples`);
}

/** Clients send the same labels again and again: they are read when somebody asks for them. */
class EncodedSeries implements PushedSeries {
  readonly samples: Buffer[] = [];
  private readonly buf: Buffer;
  /** [start, end) of each label. */
  private readonly spans: number[] = [];
  private start = -1;
  private end = -1;
  private together = true;

  constructor(reader: Reader, maxOwnEntries: number) {
    this.buf = reader.buf;
    while (reader.next()) {
      if (this.entries >= maxOwnEntries) throw tooManyEntries();
      if (reader.field === 1) this.addLabel(reader);
      else if (reader.field === 2) this.samples.push(readSample(lengthDelimited(reader, "samples")));
      else reader.skip();
    }
  }

  /** Labels and samples. */
  get entries(): number {
    return this.spans.length / 2 + this.samples.length;
  }

  private addLabel(reader: Reader): void {
    if (this.start < 0) this.start = reader.fieldStart;
    else if (reader.fieldStart !== this.end) this.together = false;
    if (reader.wireType !== LEN) throw new WireError("wrong wire type of labels");
    const length = reader.length();
    this.spans.push(reader.pos, reader.pos + length);
    reader.pos += length;
    this.end = reader.pos;
  }

  get labelKey(): string | undefined {
    return this.start < 0 || !this.together ? undefined : this.buf.latin1Slice(this.start, this.end);
  }

  get labels(): readonly Label[] {
    const { buf, spans } = this;
    return judged(() => {
      const labels: Label[] = [];
      for (let i = 0; i < spans.length; i += 2) labels.push(readLabel(new Reader(buf, spans[i], spans[i + 1])));
      return labels;
    });
  }
}

function lengthDelimited(reader: Reader, what: string): Reader {
  if (reader.wireType !== LEN) throw new WireError(`wrong wire type of ${what}`);
  return reader.message();
}

function readLabel(reader: Reader): Label {
  let name = "";
  let value = "";
  while (reader.next()) {
    if (reader.field === 1) name = text(reader);
    else if (reader.field === 2) value = text(reader);
    else reader.skip();
  }
  return [name, value];
}

function text(reader: Reader): string {
  if (reader.wireType !== LEN) throw new WireError("wrong wire type of a label");
  const start = reader.bytes();
  const decoded = start.utf8Slice(0, start.length);
  // The replacement character stands for bad bytes, or for itself.
  if (decoded.includes("\ufffd") && !isUtf8(start)) throw badInput("a label is not valid UTF-8");
  return decoded;
}

const noBytes = Buffer.alloc(0);

function readSample(reader: Reader): Buffer {
  let profile: Buffer = noBytes;
  while (reader.next()) {
    if (reader.field !== 1) reader.skip();
    else if (reader.wireType === LEN) profile = reader.bytes();
    else throw new WireError("wrong wire type of raw_profile");
  }
  return profile;
}

type Json = Record<string, unknown>;

/** A PushRequest as protojson: unknown fields are ignored, null is absence, names may be in snake_case. */
export function decodePushJson(body: Buffer): PushedSeries[] {
  if (body.length === 0) throw badInput("PushRequest: no bytes where JSON was expected");
  if (!isUtf8(body)) throw badInput("PushRequest: the JSON is not valid UTF-8");
  const text = body.toString();
  let parsed: unknown;
  try {
    parsed = parseBoundedJson(text, maxJsonParts);
  } catch (error) {
    throw badInput(`PushRequest: ${(error as Error).message.slice(0, 200)}`, { cause: error });
  }
  // The last of equal keys would win, and what the others say be lost.
  if (keysIn(text) !== keysOf(parsed)) throw badInput("PushRequest: a key comes twice in a JSON object");
  return list(object(parsed, "the request").series, "series").map((one) => {
    const series = object(one, "a series");
    return {
      labels: list(series.labels, "labels").map((label): Label => {
        const { name, value } = object(label, "a label");
        return [string(name, "a label's name"), string(value, "a label's value")];
      }),
      samples: list(series.samples, "samples").map((sample) => {
        const { rawProfile, raw_profile, ID } = object(sample, "a sample");
        if (rawProfile !== undefined && raw_profile !== undefined)
          throw badInput("PushRequest: rawProfile comes twice");
        string(ID, "ID");
        return base64(string(rawProfile ?? raw_profile, "rawProfile"));
      }),
    };
  });
}

const maxJsonDepth = 1000;

/** How many keys stand in a JSON text: strings that a colon follows. */
function keysIn(text: string): number {
  let keys = 0;
  for (let open = text.indexOf('"'); open >= 0; ) {
    let close = text.indexOf('"', open + 1);
    while (isEscaped(text, close)) close = text.indexOf('"', close + 1);
    let after = close + 1;
    while (/\s/.test(text[after] ?? "")) after++;
    if (text[after] === ":") keys++;
    open = text.indexOf('"', after);
  }
  return keys;
}

/** True if an odd number of backslashes stands in front. */
function isEscaped(text: string, at: number): boolean {
  let start = at;
  while (text[start - 1] === "\\") start--;
  return (at - start) % 2 === 1;
}

/** How many keys all objects in a parsed JSON have together. */
function keysOf(value: unknown, depth = 0): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth > maxJsonDepth) throw badInput(`PushRequest: the JSON is nested deeper than ${maxJsonDepth}`);
  const entries = Object.values(value);
  let keys = Array.isArray(value) ? 0 : entries.length;
  for (const entry of entries) keys += keysOf(entry, depth + 1);
  return keys;
}

function object(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badInput(`PushRequest: ${what} is no JSON object`);
  return value as Json;
}

function list(value: unknown, what: string): unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw badInput(`PushRequest: ${what} is no JSON array`);
  return value;
}

function string(value: unknown, what: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") throw badInput(`PushRequest: ${what} is no JSON string`);
  return value;
}

/** The standard alphabet or the one for URLs, padded or not. */
function base64(value: string): Buffer {
  const digits = value.replace(/={1,2}$/, "");
  if (!/^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)$/.test(digits) || digits.length % 4 === 1)
    throw badInput("PushRequest: rawProfile is no base64");
  return Buffer.from(digits, "base64");
}
