import { badInput } from "../../src/component/errors.js";
import type { Label } from "./labels.js";

/** What the query of an /ingest request says. */
export interface IngestQuery {
  readonly app: string;
  readonly labels: readonly Label[];
  /** As given; "" = not given. */
  readonly format: string;
  readonly spyName: string;
  /** Samples per second; 0 = the values are no CPU samples. */
  readonly sampleRate: number;
  readonly timeUnixNano: bigint;
  readonly durationNano: bigint;
}

const defaultSampleRate = 100;

/** `nowMs`: what `now`, and a time that can't be read, mean. */
export function readIngestQuery(query: URLSearchParams, nowMs: number): IngestQuery {
  const { app, labels } = parseAppName(query.get("name") ?? "");
  const from = timeNano(query.get("from"), nowMs);
  const until = timeNano(query.get("until"), nowMs);
  return {
    app,
    labels,
    format: query.get("format") ?? "",
    spyName: query.get("spyName") || "unknown",
    sampleRate: sampleRateOf(query.get("sampleRate") ?? ""),
    timeUnixNano: from,
    durationNano: until > from ? until - from : 0n,
  };
}

/** A whole number; one that can't be read, or is below 0, counts as not given. */
function sampleRateOf(text: string): number {
  return /^[+-]?\d{1,15}$/.test(text) && Number(text) >= 0 ? Math.abs(Number(text)) : defaultSampleRate;
}

/** Time that one counted sample stands for; undefined where the values are no CPU samples. */
export function periodNanoOf({ sampleRate }: IngestQuery): bigint | undefined {
  if (sampleRate === 0) return undefined;
  if (sampleRate > 1e9) throw badInput("sampleRate: more than one sample a nanosecond");
  return BigInt(Math.floor(1e9 / sampleRate));
}

/**
 * `app{key=value,key2=value2}`. As Pyroscope reads it: the last of equal keys wins, a key without a value says nothing, a
 * closing brace may be missing, and pairs may go on behind one that closed a value.
 */
export function parseAppName(text: string): { app: string; labels: Label[] } {
  const open = text.indexOf("{");
  let app = validApp((open < 0 ? text : text.slice(0, open)).trim());
  const labels = new Map<string, string>();
  for (let at = open + 1; open >= 0; ) {
    const keyEnd = indexOfAny(text, "=}", at);
    if (text[keyEnd] !== "=") break;
    const valueEnd = indexOfAny(text, ",}", keyEnd + 1);
    const key = text.slice(at, keyEnd).trim();
    const value = text.slice(keyEnd + 1, valueEnd).trim();
    if (key === "__name__") app = validApp(value);
    else addLabel(labels, key, value);
    at = valueEnd + 1;
  }
  return { app, labels: [...labels] };
}

/** Where the first of these characters stands; the end of the text where none does. */
function indexOfAny(text: string, characters: string, from: number): number {
  let at = from;
  while (at < text.length && !characters.includes(text[at])) at++;
  return at;
}

function validApp(app: string): string {
  if (app === "") throw badInput("name: an application name is required");
  refuseCharacter("application name", app, /[^A-Za-z0-9_./-]/.exec(app));
  return app;
}

function addLabel(labels: Map<string, string>, key: string, value: string): void {
  if (key === "") throw badInput("name: a label without a name");
  refuseCharacter("label name", key, /[^A-Za-z0-9_.]/.exec(key));
  if (key === "service_name" && value === "") throw badInput("name: service_name is empty");
  // Names with two underscores are Pyroscope's own; a client may say only this one.
  if (!key.startsWith("__") || key === "__session_id__") labels.set(key, value);
}

function refuseCharacter(what: string, text: string, found: RegExpExecArray | null): void {
  if (!found) return;
  const character = JSON.stringify(String.fromCodePoint(text.codePointAt(found.index) ?? 0));
  throw badInput(`name: invalid ${what} ${JSON.stringify(text.slice(0, 100))}: ${character} is not allowed`);
}

/** By the unit's beginning; the first that fits counts. */
const unitSeconds: readonly (readonly [beginning: string, seconds: number])[] = [
  ["s", 1],
  ["mon", 2_592_000],
  ["M", 2_592_000],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
  ["w", 604_800],
  ["y", 31_536_000],
];
const maxTimeNano = (1n << 63n) - 1n;

/**
 * Unix time in s, in ms, µs or ns by its number of digits, a day as 20261122, or `now-1h30min`. What can't be read, and
 * what 64 bits of nanoseconds don't hold, is now.
 */
function timeNano(text: string | null, nowMs: number): bigint {
  const now = BigInt(Math.round(nowMs)) * 1_000_000n;
  const said = (text ?? "").replaceAll(/[\s_,]/g, "").slice(0, 100);
  if (/^\d+$/.test(said)) {
    const time = absoluteNano(said);
    return time > maxTimeNano ? now : time;
  }
  const time = now + offsetNano(said);
  return time < 0n || time > maxTimeNano ? now : time;
}

function absoluteNano(digits: string): bigint {
  const day = /^(\d{4})(\d\d)(\d\d)$/.exec(digits);
  if (day && Number(day[1]) > 1900) {
    const atMs = Date.parse(`${day[1]}-${day[2]}-${day[3]}T00:00:00Z`);
    // A day that the month doesn't have is none.
    if (new Date(atMs || 0).getUTCDate() === Number(day[3])) return BigInt(atMs) * 1_000_000n;
  }
  const factor = { 13: 1_000_000n, 16: 1000n, 19: 1n }[digits.length] ?? 1_000_000_000n;
  return BigInt(digits) * factor;
}

/** What follows the first sign: numbers with their units, added up. */
function offsetNano(text: string): bigint {
  const plus = text.indexOf("+");
  const at = plus >= 0 ? plus : text.indexOf("-");
  if (at < 0) return 0n;
  let seconds = 0;
  for (const [, count, unit] of text.slice(at + 1).matchAll(/(\d*)(\D+)/g)) {
    seconds += Number(count) * (unitSeconds.find(([beginning]) => unit.startsWith(beginning))?.[1] ?? 0);
  }
  return BigInt(Math.min(seconds, 1e10)) * (text[at] === "-" ? -1_000_000_000n : 1_000_000_000n);
}
