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
 * `app{key=value,key2=value2}`. As Pyroscope reads it: the last of equal keys wins, a closing brace may be missing, and
 * what follows it counts for nothing.
 */
export function parseAppName(text: string): { app: string; labels: Label[] } {
  const open = text.indexOf("{");
  const app = (open < 0 ? text : text.slice(0, open)).trim();
  if (app === "") throw badInput("name: an application name is required");
  refuseCharacter("application name", app, /[^A-Za-z0-9_./-]/.exec(app));
  const labels = new Map<string, string>();
  if (open >= 0) {
    const close = text.indexOf("}", open);
    for (const pair of text.slice(open + 1, close < 0 ? undefined : close).split(",")) addLabel(labels, pair);
  }
  return { app, labels: [...labels] };
}

function addLabel(labels: Map<string, string>, pair: string): void {
  if (pair.trim() === "") return;
  const equals = pair.indexOf("=");
  const key = pair.slice(0, equals < 0 ? undefined : equals).trim();
  if (key === "") throw badInput("name: a label without a name");
  refuseCharacter("label name", key, /[^A-Za-z0-9_.]/.exec(key));
  if (equals < 0) throw badInput(`name: the label ${key.slice(0, 100)} has no value`);
  // Names with two underscores are Pyroscope's own; a client may say only this one.
  if (!key.startsWith("__") || key === "__session_id__") labels.set(key, pair.slice(equals + 1).trim());
}

function refuseCharacter(what: string, text: string, found: RegExpExecArray | null): void {
  if (!found) return;
  const character = JSON.stringify(String.fromCodePoint(text.codePointAt(found.index) ?? 0));
  throw badInput(`name: invalid ${what} ${JSON.stringify(text.slice(0, 100))}: ${character} is not allowed`);
}

const unitSeconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Unix time in s, ms, µs or ns by its size, or `now-10s`; anything else is now. */
function timeNano(text: string | null, nowMs: number): bigint {
  const now = BigInt(Math.round(nowMs)) * 1_000_000n;
  if (text === null) return now;
  const ago = /^now-(\d{1,9})([smhdw])$/.exec(text);
  if (ago) return now - BigInt(Number(ago[1]) * unitSeconds[ago[2]]) * 1_000_000_000n;
  if (!/^\d{9,19}$/.test(text)) return now;
  if (text.length <= 11) return BigInt(text) * 1_000_000_000n;
  if (text.length <= 14) return BigInt(text) * 1_000_000n;
  return text.length <= 17 ? BigInt(text) * 1000n : BigInt(text);
}
